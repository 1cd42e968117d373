#include "codec/bson.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <vector>

#include "base/limits.h"
#include "base/log.h"
#include "codec/utf8.h"

namespace kachery::bson {

namespace {

static_assert(std::endian::native == std::endian::little, "BSON is little-endian, and copied as it is");

enum Tag : char {
  tag_double = 0x01,
  tag_string = 0x02,
  tag_object = 0x03,
  tag_array = 0x04,
  tag_boolean = 0x08,
  tag_null = 0x0a,
  tag_int32 = 0x10,
  tag_int64 = 0x12,
};

constexpr std::size_t max_document = std::numeric_limits<std::int32_t>::max();

// The number that `key` is as an index of a JavaScript array ("0", "7", "10"; not "01"; at most 2^32 - 2).
std::optional<std::uint32_t> array_index(std::string_view key) {
  if (key.empty() || key.size() > 10 || key[0] < '0' || key[0] > '9') return std::nullopt;
  if (key[0] == '0' && key.size() > 1) return std::nullopt;
  std::uint32_t value = 0;
  const auto read = std::from_chars(key.data(), key.data() + key.size(), value);
  if (read.ec != std::errc() || read.ptr != key.data() + key.size()) return std::nullopt;
  if (value == std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  return value;
}

struct Member {
  std::string_view key;
  std::optional<std::uint32_t> index;
  json_t* value;
};

bool comes_before(const Member& a, const Member& b) {
  if (a.index && b.index) return *a.index < *b.index;
  if (a.index.has_value() != b.index.has_value()) return a.index.has_value();
  return utf16_less(a.key, b.key);
}

// Recursion is as deep as the value, which parsing bounds (limits::json_depth) and code nests by a few
// levels.
class Encoder {
 public:
  Status object(json_t* node) {
    // Members wait on one stack for all levels; it may move while inner objects are written.
    const std::size_t first = members_.size();
    for (void* i = json_object_iter(node); i != nullptr; i = json_object_iter_next(node, i)) {
      const std::string_view key(json_object_iter_key(i), json_object_iter_key_len(i));
      if (key.find('\0') != std::string_view::npos) {
        return fail(Errc::invalid, "a BSON key must not contain NUL, got \"{}\"", escaped(key, 100));
      }
      members_.push_back({key, array_index(key), json_object_iter_value(i)});
    }
    std::sort(members_.begin() + static_cast<std::ptrdiff_t>(first), members_.end(), comes_before);

    const std::size_t start = open();
    const std::size_t end = members_.size();
    for (std::size_t i = first; i < end; ++i) {
      const Member member = members_[i];
      KACHERY_CHECK(element(member.key, member.value));
    }
    members_.resize(first);
    return close(start);
  }

  std::string take() { return std::move(out_); }

 private:
  Status element(std::string_view key, json_t* value) {
    switch (json_typeof(value)) {
      case JSON_NULL:
        name(tag_null, key);
        return {};
      case JSON_TRUE:
      case JSON_FALSE:
        name(tag_boolean, key);
        out_ += json_is_true(value) ? '\1' : '\0';
        return {};
      case JSON_INTEGER:
      case JSON_REAL:
        number(key, json_number_value(value));
        return {};
      case JSON_STRING: {
        const std::string_view text(json_string_value(value), json_string_length(value));
        if (text.size() >= max_document) return fail(Errc::too_large, "a BSON string must be under 2 GiB");
        name(tag_string, key);
        raw(static_cast<std::int32_t>(text.size() + 1));
        out_ += text;
        out_ += '\0';
        return {};
      }
      case JSON_ARRAY:
        name(tag_array, key);
        return array(value);
      case JSON_OBJECT:
        name(tag_object, key);
        return object(value);
    }
    return {};
  }

  Status array(const json_t* node) {
    const std::size_t start = open();
    const std::size_t n = json_array_size(node);
    std::array<char, 24> index{};
    for (std::size_t i = 0; i < n; ++i) {
      const auto written = std::to_chars(index.data(), index.data() + index.size(), i);
      const std::string_view key(index.data(), static_cast<std::size_t>(written.ptr - index.data()));
      KACHERY_CHECK(element(key, json_array_get(node, i)));
    }
    return close(start);
  }

  void number(std::string_view key, double value) {
    if (value >= std::numeric_limits<std::int32_t>::min() &&
        value <= std::numeric_limits<std::int32_t>::max() && value == std::trunc(value)) {
      name(tag_int32, key);
      raw(static_cast<std::int32_t>(value));  // also -0 as 0
    } else {
      name(tag_double, key);
      raw(value);
    }
  }

  void name(Tag tag, std::string_view key) {
    out_ += static_cast<char>(tag);
    out_ += key;
    out_ += '\0';
  }

  template <class T>
  void raw(T value) {
    std::array<char, sizeof value> bytes{};
    std::memcpy(bytes.data(), &value, sizeof value);
    out_.append(bytes.data(), bytes.size());
  }

  // Leaves room for the length of the document that begins here; returns where.
  std::size_t open() {
    const std::size_t start = out_.size();
    raw(std::int32_t{0});
    return start;
  }

  Status close(std::size_t start) {
    out_ += '\0';
    if (out_.size() > max_document) return fail(Errc::too_large, "a BSON document must be under 2 GiB");
    const auto length = static_cast<std::int32_t>(out_.size() - start);
    std::memcpy(out_.data() + start, &length, sizeof length);
    return {};
  }

  std::string out_;
  std::vector<Member> members_;
};

class Decoder {
 public:
  explicit Decoder(std::string_view input) : left_(input) {}

  // One document: all of what is left in `left_` when it is done is behind it.
  Result<Json> document(bool is_array, std::size_t depth) {
    if (depth > limits::json_depth) {
      return fail(Errc::too_large, "BSON must not nest deeper than {} levels", limits::json_depth);
    }
    KACHERY_TRY(const std::size_t length, this->length());
    // The length counts its own four bytes and the final NUL.
    if (length < 5 || length - 4 > left_.size())
      return fail(Errc::invalid, "a BSON document's length is wrong");
    const std::string_view behind = left_.substr(length - 4);
    left_ = left_.substr(0, length - 4);

    Json out = is_array ? Json::array() : Json::object();
    std::size_t count = 0;
    for (;;) {
      if (left_.empty()) return fail(Errc::invalid, "a BSON document lacks its final NUL");
      const char tag = left_[0];
      left_.remove_prefix(1);
      if (tag == 0) break;
      KACHERY_TRY(const std::string_view key, this->key());
      if (is_array) {
        if (array_index(key) != count) {
          return fail(Errc::invalid, "a BSON array's keys must count up from 0, got \"{}\" for {}",
                      escaped(key, 100), count);
        }
      } else if (out.contains(key)) {
        return fail(Errc::invalid, "a BSON document has the key \"{}\" twice", escaped(key, 100));
      }
      KACHERY_TRY(Json element, value(tag, depth));
      if (is_array) {
        out.push(std::move(element));
      } else {
        out.set(key, std::move(element));
      }
      ++count;
    }
    if (!left_.empty()) return fail(Errc::invalid, "a BSON document ends before its length says");
    left_ = behind;
    return out;
  }

  bool at_end() const { return left_.empty(); }

 private:
  Result<Json> value(char tag, std::size_t depth) {
    switch (tag) {
      case tag_double: {
        KACHERY_TRY(const double number, raw<double>());
        if (!std::isfinite(number)) return fail(Errc::invalid, "a BSON number must be finite");
        return Json(number);
      }
      case tag_string:
        return string();
      case tag_object:
        return document(false, depth + 1);
      case tag_array:
        return document(true, depth + 1);
      case tag_boolean: {
        KACHERY_TRY(const std::uint8_t byte, raw<std::uint8_t>());
        if (byte > 1) return fail(Errc::invalid, "a BSON boolean must be 0 or 1, got {}", byte);
        return Json(byte == 1);
      }
      case tag_null:
        return Json();
      case tag_int32: {
        KACHERY_TRY(const std::int32_t number, raw<std::int32_t>());
        return Json(static_cast<double>(number));
      }
      case tag_int64: {
        KACHERY_TRY(const std::int64_t number, raw<std::int64_t>());
        return Json(static_cast<double>(number));
      }
      default:
        return fail(Errc::invalid, "BSON type 0x{:02x} is not one that JSON has",
                    static_cast<std::uint8_t>(tag));
    }
  }

  Result<Json> string() {
    KACHERY_TRY(const std::size_t length, this->length());
    if (length < 1 || length > left_.size() || left_[length - 1] != 0) {
      return fail(Errc::invalid, "a BSON string's length is wrong");
    }
    const std::string_view text = left_.substr(0, length - 1);
    left_.remove_prefix(length);
    if (!is_valid_utf8(text)) return fail(Errc::invalid, "a BSON string must be UTF-8");
    return Json(text);
  }

  Result<std::string_view> key() {
    const std::size_t end = left_.find('\0');
    if (end == std::string_view::npos) return fail(Errc::invalid, "a BSON key lacks its NUL");
    const std::string_view out = left_.substr(0, end);
    left_.remove_prefix(end + 1);
    if (!is_valid_utf8(out)) return fail(Errc::invalid, "a BSON key must be UTF-8");
    return out;
  }

  Result<std::size_t> length() {
    KACHERY_TRY(const std::int32_t value, raw<std::int32_t>());
    if (value < 0) return fail(Errc::invalid, "a BSON length must not be negative");
    return static_cast<std::size_t>(value);
  }

  template <class T>
  Result<T> raw() {
    if (left_.size() < sizeof(T)) return fail(Errc::invalid, "BSON ends in the middle of a value");
    T value{};
    std::memcpy(&value, left_.data(), sizeof value);
    left_.remove_prefix(sizeof value);
    return value;
  }

  std::string_view left_;  // of the innermost document that is being read
};

}  // namespace

Result<std::string> encode(const Json& object) {
  if (!object.is_object()) return fail(Errc::invalid, "only an object can be a BSON document");
  Encoder encoder;
  // jansson's iterators take a mutable object, though they change nothing.
  KACHERY_CHECK(encoder.object(const_cast<json_t*>(object.node())));
  return encoder.take();
}

Result<Json> decode(std::string_view document) {
  Decoder decoder(document);
  KACHERY_TRY(Json out, decoder.document(false, 1));
  if (!decoder.at_end()) return fail(Errc::invalid, "bytes follow the BSON document");
  return out;
}

}  // namespace kachery::bson
