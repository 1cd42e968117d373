#include "wire/fields.h"

namespace kachery {

namespace {

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U;
}

// Two for a character that UTF-16 writes as a pair of surrogates.
std::size_t units_of(char first_byte) {
  return static_cast<unsigned char>(first_byte) >= 0xf0U ? 2 : 1;
}

template <class Id>
Id hex_field(JsonFields& fields, std::string_view name, std::string_view reason) {
  const std::string text = fields.string(name);
  if (!fields.ok()) return Id{};
  const auto id = Id::parse(text);
  if (!id) fields.problem(name, reason);
  return id.value_or(Id{});
}

}  // namespace

std::size_t utf16_length(std::string_view utf8) {
  std::size_t units = 0;
  for (const char c : utf8) {
    if (!is_continuation(c)) units += units_of(c);
  }
  return units;
}

std::string fitting_error_message(std::string_view text) {
  std::size_t units = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_continuation(text[i])) continue;
    units += units_of(text[i]);
    if (units >= error_message_units) return std::string(text.substr(0, i));
  }
  return std::string(text);
}

NodeId node_id_field(JsonFields& fields, std::string_view name) {
  return hex_field<NodeId>(fields, name, "must be a node id of 64 hex digits");
}

FeedId feed_id_field(JsonFields& fields, std::string_view name) {
  return hex_field<FeedId>(fields, name, "must be a feed id of 64 hex digits");
}

Sha1 sha1_field(JsonFields& fields, std::string_view name) {
  return hex_field<Sha1>(fields, name, "must be a SHA-1 of 40 hex digits");
}

std::string url_field(JsonFields& fields, std::string_view name) {
  std::string url = fields.string(name);
  if (fields.ok() && !is_url(url)) {
    fields.problem(name, "must begin with http:// or https:// and have at most 500 characters");
  }
  return url;
}

FileKey file_key_field(JsonFields& fields, std::string_view name) {
  const Json json = fields.object(name);
  if (!fields.ok()) return {};
  auto key = FileKey::from_json(json);
  if (!key) {
    fields.problem(name, key.error().message);
    return {};
  }
  return *std::move(key);
}

std::uint64_t position_field(JsonFields& fields, std::string_view name) {
  const std::int64_t value = fields.integer(name);
  if (fields.ok() && value < 0) fields.problem(name, "must not be negative");
  return value < 0 ? 0 : static_cast<std::uint64_t>(value);
}

std::optional<std::uint64_t> position_or_null_field(JsonFields& fields, std::string_view name) {
  const std::optional<std::int64_t> value = fields.integer_or_null(name);
  if (!value) return std::nullopt;
  if (*value < 0) {
    fields.problem(name, "must not be negative");
    return std::nullopt;
  }
  return static_cast<std::uint64_t>(*value);
}

std::int64_t timestamp_field(JsonFields& fields, std::string_view name) {
  return static_cast<std::int64_t>(position_field(fields, name));
}

std::optional<std::string> error_message_field(JsonFields& fields, std::string_view name) {
  std::optional<std::string> text = fields.string_or_null(name);
  if (text && utf16_length(*text) >= error_message_units) {
    fields.problem(name, "must have fewer than 1000 characters");
  }
  return text;
}

std::optional<Address> address_or_null_field(JsonFields& fields, std::string_view name) {
  const std::optional<Json> json = fields.any_or_null(name);
  if (!fields.ok()) return std::nullopt;
  auto address = address_or_null(json);
  if (!address) {
    fields.problem(name, address.error().message);
    return std::nullopt;
  }
  return *std::move(address);
}

std::vector<NodeId> node_ids_field(JsonFields& fields, std::string_view name, std::size_t max) {
  const Json array = fields.array(name);
  if (!fields.ok()) return {};
  if (array.size() > max) {
    fields.problem(name, fmt::format("must have at most {} items, has {}", max, array.size()));
    return {};
  }
  std::vector<NodeId> ids;
  ids.reserve(array.size());
  for (std::size_t i = 0; i < array.size(); ++i) {
    const Json item = array[i];
    const auto id = item.is_string() ? NodeId::parse(item.string()) : std::nullopt;
    if (!id) {
      fields.problem(name, fmt::format("item {} must be a node id of 64 hex digits", i));
      return {};
    }
    ids.push_back(*id);
  }
  return ids;
}

Json json_or_null(const std::optional<Address>& value) {
  return value ? value->json() : Json(nullptr);
}

}  // namespace kachery
