// JSON values with JavaScript's meaning: every number is a double. A value is a counted reference to a
// jansson node; copies share, and values are treated as immutable once they are shared.
#pragma once

#include <jansson.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/limits.h"

namespace kachery {

class Json {
 public:
  enum class Type { null, boolean, number, string, array, object };
  using Member = std::pair<std::string_view, Json>;

  Json();  // null
  Json(std::nullptr_t) : Json() {}
  Json(bool value);
  Json(double value);
  Json(int value) : Json(static_cast<double>(value)) {}
  Json(std::int64_t value) : Json(static_cast<double>(value)) {}   // |value| <= 2^53
  Json(std::uint64_t value) : Json(static_cast<double>(value)) {}  // value <= 2^53
  Json(std::string_view utf8);                                     // invalid UTF-8 becomes U+FFFD
  Json(const std::string& utf8) : Json(std::string_view(utf8)) {}
  Json(const char* utf8) : Json(std::string_view(utf8)) {}
  static Json array(std::initializer_list<Json> items = {});
  static Json object(std::initializer_list<Member> members = {});

  Json(const Json& other);
  Json(Json&& other) noexcept;
  Json& operator=(Json other) noexcept;
  ~Json();

  // Parses one JSON text of any type. Refused: syntax errors, trailing text, invalid UTF-8, lone surrogates,
  // NUL in a key, numbers beyond a double, nesting deeper than limits::json_depth, and (Errc::too_large) more
  // than `max_values` values: each takes some 0.1-0.4 us and 40-120 bytes, however short its text. Of
  // duplicate keys the last counts, as in JavaScript.
  static Result<Json> parse(std::string_view text, std::size_t max_values = limits::json_values);

  Type type() const;
  bool is_null() const { return type() == Type::null; }
  bool is_string() const { return type() == Type::string; }
  bool is_number() const { return type() == Type::number; }
  bool is_boolean() const { return type() == Type::boolean; }
  bool is_array() const { return type() == Type::array; }
  bool is_object() const { return type() == Type::object; }

  // The value; false, 0 or "" if it is of another type. The view lives as long as the node.
  bool boolean() const;
  double number() const;
  std::string_view string() const;
  // An integral number within +-2^53; nothing for anything else.
  std::optional<std::int64_t> integer() const;

  // Items of an array or members of an object; 0 for anything else.
  std::size_t size() const;
  Json operator[](std::size_t index) const;     // null if out of range or no array
  Json operator[](std::string_view key) const;  // null if absent or no object
  bool contains(std::string_view key) const;
  std::vector<std::pair<std::string, Json>> members() const;  // in insertion order

  void set(std::string_view key, Json value);  // this must be an object
  void push(Json value);                       // this must be an array

  // Compact text, members in insertion order, numbers and strings as JavaScript writes them.
  std::string text() const;

  // Same types and values; the order of members does not count.
  friend bool operator==(const Json& a, const Json& b) { return json_equal(a.node_, b.node_) != 0; }

  const json_t* node() const { return node_; }

 private:
  struct Adopt {};
  Json(json_t* node, Adopt) : node_(node) {}
  json_t* node_;
};

// The canonical text of protocol.md section 2: keys sorted by UTF-16 code units at every level.
std::string canonical_json(const Json& value);

}  // namespace kachery
