// Typed readers over JsonFields for the values of protocol.md section 1. A value of the wrong form is
// recorded as the problem of its field, and an empty one returned: the caller's finish() reports it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "codec/file_key.h"
#include "codec/json.h"
#include "codec/json_fields.h"
#include "wire/address.h"

namespace kachery {

// The length of UTF-8 text as JavaScript counts it: UTF-16 code units.
std::size_t utf16_length(std::string_view utf8);

// Error messages have fewer than 1000 characters (protocol.md section 1).
inline constexpr std::size_t error_message_units = 1000;
// `text`, cut at a character boundary so that it may be sent as an error message.
std::string fitting_error_message(std::string_view text);

NodeId node_id_field(JsonFields& fields, std::string_view name);
FeedId feed_id_field(JsonFields& fields, std::string_view name);
Sha1 sha1_field(JsonFields& fields, std::string_view name);
std::string url_field(JsonFields& fields, std::string_view name);
FileKey file_key_field(JsonFields& fields, std::string_view name);

// An integer from 0 to 2^53: a position, a size, a count, a timestamp.
std::uint64_t position_field(JsonFields& fields, std::string_view name);
std::optional<std::uint64_t> position_or_null_field(JsonFields& fields, std::string_view name);
std::int64_t timestamp_field(JsonFields& fields, std::string_view name);

std::optional<std::string> error_message_field(JsonFields& fields, std::string_view name);
std::optional<Address> address_or_null_field(JsonFields& fields, std::string_view name);
// An array of at most `max` node ids.
std::vector<NodeId> node_ids_field(JsonFields& fields, std::string_view name, std::size_t max);

// Ten letters; nothing, with the problem recorded, otherwise.
template <class Id>
std::optional<Id> letters_field(JsonFields& fields, std::string_view name) {
  const std::string text = fields.string(name);
  if (!fields.ok()) return std::nullopt;
  auto id = Id::parse(text);
  if (!id) fields.problem(name, "must be exactly 10 letters");
  return id;
}
template <class Id>
std::optional<Id> letters_or_null_field(JsonFields& fields, std::string_view name) {
  const std::optional<std::string> text = fields.string_or_null(name);
  if (!fields.ok() || !text) return std::nullopt;
  auto id = Id::parse(*text);
  if (!id) fields.problem(name, "must be exactly 10 letters or null");
  return id;
}

// Null for an absent value.
template <class T>
Json json_or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}
Json json_or_null(const std::optional<Address>& value);
template <class Tag>
Json json_or_null(const std::optional<LetterId<Tag>>& value) {
  return value ? Json(value->str()) : Json(nullptr);
}

}  // namespace kachery
