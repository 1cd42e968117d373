#include "codec/http1.h"

#include <algorithm>
#include <array>
#include <cassert>

#include "base/limits.h"

namespace kachery::http1 {

namespace {

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

constexpr int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

constexpr char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

}  // namespace

const std::string* RequestHead::header(std::string_view name) const {
  for (const Header& field : headers) {
    if (field.name == name) return &field.value;
  }
  return nullptr;
}

std::optional<std::string> RequestHead::query_value(std::string_view name) const {
  std::string_view rest = query;
  const auto decoded = [](std::string_view text) {
    std::string spaced(text);
    std::replace(spaced.begin(), spaced.end(), '+', ' ');
    return percent_decode(spaced);
  };
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    if (pair.empty() || decoded(pair.substr(0, equals)) != name) continue;
    return equals == std::string_view::npos ? std::string() : decoded(pair.substr(equals + 1));
  }
  return std::nullopt;
}

// ---- chunked bodies

namespace {

constexpr std::size_t chunk_line_bytes = 512;  // a chunk's size with its extensions
constexpr std::size_t chunk_size_digits = 16;

}  // namespace

// One byte of a size line, its end, or a trailer.
Status ChunkedDecoder::line_byte(char c) {
  const auto expect = [&](char wanted, State then) -> Status {
    if (c != wanted) return fail(Errc::invalid, "chunked body: expected the end of a line (CR LF)");
    state_ = then;
    return {};
  };
  switch (state_) {
    case State::size:
      if (const int digit = hex_value(c); digit >= 0) {
        left_ = (left_ << 4) | static_cast<std::uint64_t>(digit);
        if (++digits_ > chunk_size_digits || left_ > limits::file_bytes) {
          return fail(Errc::invalid, "chunked body: the size of a chunk is beyond {}", limits::file_bytes);
        }
        return {};
      }
      if (digits_ == 0) return fail(Errc::invalid, "chunked body: expected the size of a chunk in hex");
      if (c == '\r') {
        state_ = State::size_lf;
      } else if (c == ';' || c == ' ' || c == '\t') {
        state_ = State::extension;
      } else {
        return fail(Errc::invalid, "chunked body: invalid character after the size of a chunk");
      }
      return {};
    case State::extension:
      if (c == '\r') {
        state_ = State::size_lf;
      } else if (++line_bytes_ > chunk_line_bytes) {
        return fail(Errc::invalid, "chunked body: a chunk's extensions are longer than {} bytes",
                    chunk_line_bytes);
      } else if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) {
        return fail(Errc::invalid, "chunked body: control character in a chunk's extensions");
      }
      return {};
    case State::size_lf:
      KACHERY_CHECK(expect('\n', left_ > 0 ? State::data : State::trailer));
      digits_ = 0;
      line_bytes_ = 0;
      return {};
    case State::data_cr:
      return expect('\r', State::data_lf);
    case State::data_lf:
      return expect('\n', State::size);
    case State::trailer:
      if (c == '\r') {
        state_ = State::trailer_lf;
      } else if (++trailer_bytes_ > limits::http_head_bytes) {
        return fail(Errc::invalid, "chunked body: trailers are longer than {} bytes",
                    limits::http_head_bytes);
      } else if (++line_bytes_ == 1 && (c == ' ' || c == '\t')) {
        return fail(Errc::invalid, "chunked body: folded trailer");
      } else if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) {
        return fail(Errc::invalid, "chunked body: control character in a trailer");
      }
      return {};
    case State::trailer_lf:
      KACHERY_CHECK(expect('\n', line_bytes_ == 0 ? State::complete : State::trailer));
      line_bytes_ = 0;
      return {};
    case State::data:
    case State::complete:
      break;
  }
  return {};
}

Result<std::string_view> ChunkedDecoder::next(std::string_view& input) {
  while (!input.empty() && state_ != State::complete) {
    if (state_ == State::data) {
      const std::string_view piece =
          input.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size())));
      input.remove_prefix(piece.size());
      left_ -= piece.size();
      if (left_ == 0) state_ = State::data_cr;
      return piece;
    }
    const char c = input.front();
    input.remove_prefix(1);
    KACHERY_CHECK(line_byte(c));
  }
  return std::string_view();
}

// ---- writing

std::string response_head(int status, const std::vector<Header>& headers) {
  std::string out = fmt::format("HTTP/1.1 {} {}\r\n", status, reason_phrase(status));
  const auto append = [&out](std::string_view text) {
    for (const char c : text) {
      const bool splits = c == '\r' || c == '\n' || c == '\0';
      assert(!splits);
      out += splits ? ' ' : c;
    }
  };
  for (const Header& field : headers) {
    append(field.name);
    out += ": ";
    append(field.value);
    out += "\r\n";
  }
  out += "\r\n";
  return out;
}

std::string chunk_prefix(std::size_t size) {
  return fmt::format("{:x}\r\n", size);
}

std::string_view reason_phrase(int status) {
  struct Reason {
    int status;
    std::string_view phrase;
  };
  static constexpr std::array reasons{
      Reason{100, "Continue"},
      Reason{101, "Switching Protocols"},
      Reason{200, "OK"},
      Reason{201, "Created"},
      Reason{202, "Accepted"},
      Reason{204, "No Content"},
      Reason{206, "Partial Content"},
      Reason{301, "Moved Permanently"},
      Reason{302, "Found"},
      Reason{303, "See Other"},
      Reason{304, "Not Modified"},
      Reason{307, "Temporary Redirect"},
      Reason{308, "Permanent Redirect"},
      Reason{400, "Bad Request"},
      Reason{401, "Unauthorized"},
      Reason{403, "Forbidden"},
      Reason{404, "Not Found"},
      Reason{405, "Method Not Allowed"},
      Reason{406, "Not Acceptable"},
      Reason{408, "Request Timeout"},
      Reason{409, "Conflict"},
      Reason{410, "Gone"},
      Reason{411, "Length Required"},
      Reason{412, "Precondition Failed"},
      Reason{413, "Content Too Large"},
      Reason{414, "URI Too Long"},
      Reason{415, "Unsupported Media Type"},
      Reason{416, "Range Not Satisfiable"},
      Reason{417, "Expectation Failed"},
      Reason{421, "Misdirected Request"},
      Reason{422, "Unprocessable Content"},
      Reason{426, "Upgrade Required"},
      Reason{429, "Too Many Requests"},
      Reason{431, "Request Header Fields Too Large"},
      Reason{500, "Internal Server Error"},
      Reason{501, "Not Implemented"},
      Reason{502, "Bad Gateway"},
      Reason{503, "Service Unavailable"},
      Reason{504, "Gateway Timeout"},
      Reason{505, "HTTP Version Not Supported"},
      Reason{507, "Insufficient Storage"},
  };
  for (const Reason& reason : reasons) {
    if (reason.status == status) return reason.phrase;
  }
  return "Unknown";
}

// ---- ranges and escapes

namespace {

// A number of one or more digits, at most 2^64 - 1 (larger ones count as that).
std::optional<std::uint64_t> parse_saturating(std::string_view digits) {
  if (digits.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : digits) {
    if (!is_digit(c)) return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    value = value > (UINT64_MAX - digit) / 10 ? UINT64_MAX : value * 10 + digit;
  }
  return value;
}

}  // namespace

Result<std::optional<std::pair<std::uint64_t, std::uint64_t>>> parse_range(std::string_view value,
                                                                           std::uint64_t size) {
  constexpr std::string_view unit = "bytes=";
  if (!equal_ignoring_case(value.substr(0, unit.size()), unit)) return std::nullopt;
  value.remove_prefix(unit.size());
  const std::size_t dash = value.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const std::string_view before = value.substr(0, dash);
  const std::string_view after = value.substr(dash + 1);
  const auto beyond = [&] { return fail(Errc::invalid, "the range lies beyond the end of {} bytes", size); };

  if (before.empty()) {
    const auto last = parse_saturating(after);
    if (!last) return std::nullopt;
    if (*last == 0 || size == 0) return beyond();
    return std::pair(size - std::min(*last, size), size);
  }
  const auto start = parse_saturating(before);
  if (!start) return std::nullopt;
  std::uint64_t end = size;
  if (!after.empty()) {
    const auto last = parse_saturating(after);
    if (!last || *last < *start) return std::nullopt;
    if (*last < size) end = *last + 1;
  }
  if (*start >= size) return beyond();
  return std::pair(*start, end);
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    if (text.front() != '%') {
      out += text.front();
      text.remove_prefix(1);
      continue;
    }
    const int high = text.size() >= 3 ? hex_value(text[1]) : -1;
    const int low = text.size() >= 3 ? hex_value(text[2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    text.remove_prefix(3);
  }
  return out;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return to_lower(x) == to_lower(y); });
}

}  // namespace kachery::http1
