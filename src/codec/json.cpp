#include "codec/json.h"

#include <cmath>
#include <cstdlib>

#include "base/log.h"
#include "codec/utf8.h"

namespace kachery {

namespace {

// jansson returns null where memory is out, and where arguments break its rules, which ours do not.
json_t* checked(json_t* node) {
  if (node == nullptr) {
    log_error("out of memory while building a JSON value");
    std::abort();
  }
  return node;
}

// Checks nesting and the number of values in a scan that needs no memory. Bytes that are no JSON may be
// miscounted: the parser refuses them anyway.
Status check_shape(std::string_view text, std::size_t max_values) {
  std::size_t depth = 0;
  std::size_t values = 1;  // each comma and each bracket adds at most one
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == ',') {
      ++values;
    } else if (c == '[' || c == '{') {
      ++values;
      if (++depth > limits::json_depth) {
        return fail(Errc::too_large, "JSON must not nest deeper than {} levels", limits::json_depth);
      }
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  if (values > max_values) return fail(Errc::too_large, "JSON must have at most {} values", max_values);
  return {};
}

json_t* new_number(double value) {
  // What is not finite has no JSON form; JavaScript writes null.
  return std::isfinite(value) ? checked(json_real(value)) : json_null();
}

// jansson wants an address for no bytes, too.
const char* address(std::string_view text) {
  return text.data() == nullptr ? "" : text.data();
}

json_t* new_string(std::string_view utf8) {
  if (is_valid_utf8(utf8)) return checked(json_stringn_nocheck(address(utf8), utf8.size()));
  const std::string repaired = repaired_utf8(utf8);
  return checked(json_stringn_nocheck(repaired.data(), repaired.size()));
}

}  // namespace

Json::Json() : node_(json_null()) {}
Json::Json(bool value) : node_(json_boolean(value)) {}
Json::Json(double value) : node_(new_number(value)) {}
Json::Json(std::string_view utf8) : node_(new_string(utf8)) {}

Json Json::array(std::initializer_list<Json> items) {
  Json out(checked(json_array()), Adopt{});
  for (const Json& item : items) out.push(item);
  return out;
}

Json Json::object(std::initializer_list<Member> members) {
  Json out(checked(json_object()), Adopt{});
  for (const auto& [key, value] : members) out.set(key, value);
  return out;
}

Json::Json(const Json& other) : node_(json_incref(other.node_)) {}
Json::Json(Json&& other) noexcept : node_(std::exchange(other.node_, json_null())) {}

Json& Json::operator=(Json other) noexcept {
  std::swap(node_, other.node_);
  return *this;
}

Json::~Json() {
  json_decref(node_);
}

Result<Json> Json::parse(std::string_view text, std::size_t max_values) {
  KACHERY_CHECK(check_shape(text, max_values));
  // jansson takes a NUL behind the value for the end of the text.
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    return fail(Errc::invalid, "not valid JSON: byte {} is NUL", nul);
  }
  json_error_t error{};
  json_t* node = json_loadb(address(text), text.size(),
                            JSON_DECODE_INT_AS_REAL | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
  if (node == nullptr) {
    return fail(Errc::invalid, "not valid JSON at line {}, column {}: {}", error.line, error.column,
                escaped(error.text));
  }
  return Json(node, Adopt{});
}

Json::Type Json::type() const {
  switch (json_typeof(node_)) {
    case JSON_NULL:
      return Type::null;
    case JSON_TRUE:
    case JSON_FALSE:
      return Type::boolean;
    case JSON_INTEGER:
    case JSON_REAL:
      return Type::number;
    case JSON_STRING:
      return Type::string;
    case JSON_ARRAY:
      return Type::array;
    case JSON_OBJECT:
      return Type::object;
  }
  return Type::null;
}

bool Json::boolean() const {
  return json_is_true(node_);
}

double Json::number() const {
  return json_number_value(node_);
}

std::string_view Json::string() const {
  if (!json_is_string(node_)) return {};
  return {json_string_value(node_), json_string_length(node_)};
}

std::optional<std::int64_t> Json::integer() const {
  constexpr double exact = 9007199254740992.0;  // 2^53
  if (!json_is_number(node_)) return std::nullopt;
  const double value = json_number_value(node_);
  if (!(value >= -exact && value <= exact) || value != std::trunc(value)) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

std::size_t Json::size() const {
  return json_is_array(node_) ? json_array_size(node_) : json_object_size(node_);
}

Json Json::operator[](std::size_t index) const {
  json_t* item = json_array_get(node_, index);
  return item == nullptr ? Json() : Json(json_incref(item), Adopt{});
}

Json Json::operator[](std::string_view key) const {
  json_t* value = json_object_getn(node_, address(key), key.size());
  return value == nullptr ? Json() : Json(json_incref(value), Adopt{});
}

bool Json::contains(std::string_view key) const {
  return json_object_getn(node_, address(key), key.size()) != nullptr;
}

std::vector<std::pair<std::string, Json>> Json::members() const {
  std::vector<std::pair<std::string, Json>> out;
  out.reserve(json_object_size(node_));
  for (void* i = json_object_iter(node_); i != nullptr; i = json_object_iter_next(node_, i)) {
    out.emplace_back(std::string(json_object_iter_key(i), json_object_iter_key_len(i)),
                     Json(json_incref(json_object_iter_value(i)), Adopt{}));
  }
  return out;
}

void Json::set(std::string_view key, Json value) {
  const std::string name = is_valid_utf8(key) ? std::string(key) : repaired_utf8(key);
  json_t* node = std::exchange(value.node_, json_null());
  if (json_object_setn_new_nocheck(node_, name.data(), name.size(), node) != 0) {
    log_error("Json::set on a value that is no object, or out of memory");
    std::abort();
  }
}

void Json::push(Json value) {
  json_t* node = std::exchange(value.node_, json_null());
  if (json_array_append_new(node_, node) != 0) {
    log_error("Json::push on a value that is no array, or out of memory");
    std::abort();
  }
}

}  // namespace kachery
