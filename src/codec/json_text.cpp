#include "codec/json_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "codec/json.h"
#include "codec/utf8.h"

namespace kachery {

namespace {

// "d.ddde+XX" of a finite positive number, split: its digits without the point, and the power of ten of the
// first one.
struct Decimal {
  std::array<char, 24> digits{};
  std::size_t count = 0;
  int exponent = 0;

  std::string_view all() const { return {digits.data(), count}; }
};

Decimal shortest_decimal(double value) {
  std::array<char, 40> text{};
  const auto written =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific);
  Decimal out;
  const char* p = text.data();
  for (; p != written.ptr && *p != 'e'; ++p) {
    if (*p != '.') out.digits[out.count++] = *p;
  }
  ++p;
  if (*p == '+') ++p;
  std::from_chars(p, written.ptr, out.exponent);
  return out;
}

void append_integer(std::string& out, std::int64_t value) {
  std::array<char, 24> text{};
  const auto written = std::to_chars(text.data(), text.data() + text.size(), value);
  out.append(text.data(), written.ptr);
}

struct Member {
  std::string_view key;
  json_t* value;
};

// Recursion is as deep as the value, which parsing bounds (limits::json_depth) and code nests by a few
// levels.
class Writer {
 public:
  Writer(std::string& out, bool canonical) : out_(out), canonical_(canonical) {}

  void write(const json_t* node) {
    switch (json_typeof(node)) {
      case JSON_NULL:
        out_ += "null";
        return;
      case JSON_TRUE:
        out_ += "true";
        return;
      case JSON_FALSE:
        out_ += "false";
        return;
      case JSON_INTEGER:
      case JSON_REAL:
        append_json_number(out_, json_number_value(node));
        return;
      case JSON_STRING:
        append_json_string(out_, {json_string_value(node), json_string_length(node)});
        return;
      case JSON_ARRAY:
        write_array(node);
        return;
      case JSON_OBJECT:
        // jansson's iterators take a mutable object, though they change nothing.
        write_object(const_cast<json_t*>(node));
        return;
    }
  }

 private:
  void write_array(const json_t* node) {
    out_ += '[';
    const std::size_t n = json_array_size(node);
    for (std::size_t i = 0; i < n; ++i) {
      if (i > 0) out_ += ',';
      write(json_array_get(node, i));
    }
    out_ += ']';
  }

  void write_object(json_t* node) {
    // Members wait on one stack for all levels; it may move while inner objects are written.
    const std::size_t first = members_.size();
    for (void* i = json_object_iter(node); i != nullptr; i = json_object_iter_next(node, i)) {
      members_.push_back({{json_object_iter_key(i), json_object_iter_key_len(i)}, json_object_iter_value(i)});
    }
    if (canonical_) {
      std::sort(members_.begin() + static_cast<std::ptrdiff_t>(first), members_.end(),
                [](const Member& a, const Member& b) { return utf16_less(a.key, b.key); });
    }
    out_ += '{';
    const std::size_t end = members_.size();
    for (std::size_t i = first; i < end; ++i) {
      const Member member = members_[i];
      if (i > first) out_ += ',';
      append_json_string(out_, member.key);
      out_ += ':';
      write(member.value);
    }
    out_ += '}';
    members_.resize(first);
  }

  std::string& out_;
  bool canonical_;
  std::vector<Member> members_;
};

}  // namespace

void append_json_number(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  constexpr double exact = 9007199254740992.0;  // 2^53
  if (value >= -exact && value <= exact && value == std::trunc(value)) {
    append_integer(out, static_cast<std::int64_t>(value));  // also -0 as 0
    return;
  }
  if (value < 0) out += '-';
  const Decimal decimal = shortest_decimal(std::fabs(value));
  const std::string_view digits = decimal.all();
  const int point = decimal.exponent + 1;  // digits before the decimal point
  const int count = static_cast<int>(decimal.count);
  if (count <= point && point <= 21) {
    out += digits;
    out.append(static_cast<std::size_t>(point - count), '0');
  } else if (0 < point && point <= 21) {
    out += digits.substr(0, static_cast<std::size_t>(point));
    out += '.';
    out += digits.substr(static_cast<std::size_t>(point));
  } else if (-6 < point && point <= 0) {
    out += "0.";
    out.append(static_cast<std::size_t>(-point), '0');
    out += digits;
  } else {
    out += digits.front();
    if (count > 1) {
      out += '.';
      out += digits.substr(1);
    }
    out += decimal.exponent < 0 ? "e-" : "e+";
    append_integer(out, std::abs(decimal.exponent));
  }
}

void append_json_string(std::string& out, std::string_view utf8) {
  static constexpr std::string_view hex = "0123456789abcdef";
  out += '"';
  std::size_t plain = 0;  // start of the run that needs no escape
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    const auto c = static_cast<std::uint8_t>(utf8[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out += utf8.substr(plain, i - plain);
    plain = i + 1;
    out += '\\';
    switch (c) {
      case '"':
      case '\\':
        out += static_cast<char>(c);
        break;
      case '\b':
        out += 'b';
        break;
      case '\t':
        out += 't';
        break;
      case '\n':
        out += 'n';
        break;
      case '\f':
        out += 'f';
        break;
      case '\r':
        out += 'r';
        break;
      default:
        out += "u00";
        out += hex[c >> 4];
        out += hex[c & 15];
    }
  }
  out += utf8.substr(plain);
  out += '"';
}

std::string Json::text() const {
  std::string out;
  Writer(out, false).write(node_);
  return out;
}

std::string canonical_json(const Json& value) {
  std::string out;
  Writer(out, true).write(value.node());
  return out;
}

}  // namespace kachery
