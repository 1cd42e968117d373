// Request heads (RFC 9112, sections 2 to 6).
#include <algorithm>

#include "base/limits.h"
#include "base/log.h"
#include "codec/http1.h"

namespace kachery::http1 {

namespace {

// tchar of RFC 9110, 5.6.2.
constexpr bool is_token_char(char c) {
  if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  return others.find(c) != std::string_view::npos;
}

constexpr bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

constexpr bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

constexpr bool is_host_char(char c) {
  constexpr std::string_view others = "-._~%!$&'()*+,;=:[]";
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         others.find(c) != std::string_view::npos;
}

constexpr bool is_host(std::string_view text) {
  return std::all_of(text.begin(), text.end(), is_host_char);
}

std::string_view trimmed(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return out;
}

constexpr std::string_view both_framings = "both Content-Length and Transfer-Encoding";

template <class... Args>
tl::unexpected<ParseError> refuse(int status, fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected<ParseError>(ParseError{status, fmt::format(format, std::forward<Args>(args)...)});
}
using Parsed = tl::expected<void, ParseError>;

// Calls `each` with every item of a comma-separated list; empty items are left out.
template <class Each>
void for_each_item(std::string_view list, Each each) {
  while (!list.empty()) {
    const std::string_view item = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), item.size() + 1));
    if (const std::string_view word = trimmed(item); !word.empty()) each(word);
  }
}

class HeadParser {
 public:
  // `lines` is a whole head without its empty line: each line ends with CR LF.
  Parsed parse(std::string_view lines) {
    const auto next_line = [&lines] {
      const std::string_view line = lines.substr(0, lines.find("\r\n"));
      lines.remove_prefix(line.size() + 2);
      return line;
    };
    if (auto parsed = request_line(next_line()); !parsed) return parsed;
    while (!lines.empty()) {
      if (auto parsed = field_line(next_line()); !parsed) return parsed;
    }
    if (auto parsed = host(); !parsed) return parsed;
    if (auto parsed = framing(); !parsed) return parsed;
    return connection_and_expectation();
  }

  // The head has both framings, and is the connection's last.
  bool is_last() const { return is_last_; }
  RequestHead take() { return std::move(head_); }

 private:
  Parsed request_line(std::string_view line) {
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == std::string_view::npos || first == last) {
      return refuse(400, "expected \"METHOD target HTTP/1.1\" as the request line, got \"{}\"",
                    escaped(line, 80));
    }
    const std::string_view method = line.substr(0, first);
    const std::string_view version = line.substr(last + 1);
    if (!is_token(method)) return refuse(400, "invalid method \"{}\"", escaped(method, 40));
    head_.method = method;

    const bool shaped = version.size() == 8 && version.starts_with("HTTP/") && version[5] >= '0' &&
                        version[5] <= '9' && version[6] == '.' && version[7] >= '0' && version[7] <= '9';
    if (!shaped) return refuse(400, "expected HTTP/1.1, got \"{}\"", escaped(version, 40));
    if (version[5] != '1') return refuse(505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    head_.minor_version = version[7] - '0';
    return target(line.substr(first + 1, last - first - 1));
  }

  Parsed target(std::string_view text) {
    // Visible ASCII without a fragment.
    const auto bad = [](char c) { return c == ' ' || is_control(c) || (c & 0x80) != 0 || c == '#'; };
    if (text.empty() || std::any_of(text.begin(), text.end(), bad)) {
      return refuse(400, "invalid character in the request target");
    }
    if (text == "*") {
      if (head_.method != "OPTIONS") return refuse(400, "the target * is for OPTIONS only");
      head_.target = head_.path = "*";
      return {};
    }
    for (const std::string_view scheme : {"http://", "https://"}) {
      if (!equal_ignoring_case(text.substr(0, scheme.size()), scheme)) continue;
      text.remove_prefix(scheme.size());
      authority_ = text.substr(0, text.find_first_of("/?"));
      if (authority_->empty() || !is_host(*authority_)) {
        return refuse(400, "invalid host in the request target");
      }
      text.remove_prefix(authority_->size());
      break;
    }
    if (authority_ && !text.starts_with('/')) {
      head_.target = '/';
      head_.target += text;
    } else if (text.starts_with('/')) {
      head_.target = text;
    } else {
      return refuse(400, "the request target must be a path that begins with /");
    }
    const std::size_t question = head_.target.find('?');
    auto path = percent_decode(std::string_view(head_.target).substr(0, question));
    if (!path) return refuse(400, "bad percent escape in the path");
    if (std::any_of(path->begin(), path->end(), is_control)) {
      return refuse(400, "control character in the path");
    }
    head_.path = *std::move(path);
    if (question != std::string::npos) head_.query = head_.target.substr(question + 1);
    return {};
  }

  Parsed field_line(std::string_view line) {
    if (head_.headers.size() == limits::http_headers) {
      return refuse(431, "more than {} header fields", limits::http_headers);
    }
    if (line.front() == ' ' || line.front() == '\t') return refuse(400, "folded header line");
    const std::size_t colon = line.find(':');
    const std::string_view name = line.substr(0, colon);
    if (colon == std::string_view::npos || !is_token(name)) {
      return refuse(400, "expected \"Name: value\" as a header line, got \"{}\"", escaped(line, 80));
    }
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (std::any_of(value.begin(), value.end(), [](char c) { return is_control(c) && c != '\t'; })) {
      return refuse(400, "control character in the header {}", name);
    }
    head_.headers.push_back({lower_case(name), std::string(value)});
    return {};
  }

  Parsed host() {
    Header* found = nullptr;
    for (Header& field : head_.headers) {
      if (field.name != "host") continue;
      if (found != nullptr) return refuse(400, "repeated Host header");
      if (!is_host(field.value)) return refuse(400, "invalid Host header");
      found = &field;
    }
    if (found == nullptr && head_.minor_version > 0) return refuse(400, "missing Host header");
    // An absolute target overrules the header (RFC 9112, 3.2.2).
    if (authority_ && found != nullptr) found->value = *authority_;
    return {};
  }

  Parsed framing() {
    const std::string* length = nullptr;
    bool has_codings = false;
    int chunked_count = 0;
    bool chunked_last = false;
    bool unknown_coding = false;
    for (const Header& field : head_.headers) {
      if (field.name == "content-length") {
        if (length != nullptr && *length != field.value) {
          return refuse(400, "differing Content-Length headers");
        }
        length = &field.value;
      } else if (field.name == "transfer-encoding") {
        has_codings = true;
        for_each_item(field.value, [&](std::string_view coding) {
          chunked_last = equal_ignoring_case(coding, "chunked");
          if (chunked_last) {
            ++chunked_count;
          } else {
            unknown_coding = true;
          }
        });
      }
    }
    if (has_codings) {
      const bool said_empty = length != nullptr && *length == "0";
      if (length != nullptr && !said_empty) return refuse(400, "{}", both_framings);
      if (head_.minor_version == 0) return refuse(400, "Transfer-Encoding in an HTTP/1.0 request");
      if (!chunked_last || chunked_count != 1) {
        return refuse(400, "Transfer-Encoding must end with chunked, given once");
      }
      if (unknown_coding) return refuse(501, "of transfer codings only chunked is understood");
      is_last_ = said_empty;
      if (!said_empty) head_.framing = BodyFraming::chunked;
      return {};
    }
    if (length == nullptr) return {};
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    if (length->empty() || !std::all_of(length->begin(), length->end(), digit)) {
      return refuse(400, "invalid Content-Length");
    }
    for (const char c : *length) {
      head_.content_length = head_.content_length * 10 + static_cast<std::uint64_t>(c - '0');
      if (head_.content_length > limits::file_bytes) {
        return refuse(413, "Content-Length is beyond {}", limits::file_bytes);
      }
    }
    if (head_.content_length > 0) head_.framing = BodyFraming::length;
    return {};
  }

  Parsed connection_and_expectation() {
    bool close = false;
    bool keep_alive = false;
    bool expectation_known = true;
    for (const Header& field : head_.headers) {
      if (field.name == "connection") {
        for_each_item(field.value, [&](std::string_view option) {
          close = close || equal_ignoring_case(option, "close");
          keep_alive = keep_alive || equal_ignoring_case(option, "keep-alive");
        });
      } else if (field.name == "expect" && head_.minor_version > 0) {
        if (equal_ignoring_case(field.value, "100-continue")) {
          head_.expect_continue = head_.framing != BodyFraming::none;
        } else {
          expectation_known = false;
        }
      }
    }
    if (!expectation_known) return refuse(417, "of expectations only 100-continue is understood");
    head_.keep_alive = !close && !is_last_ && (keep_alive || head_.minor_version > 0);
    return {};
  }

  RequestHead head_;
  bool is_last_ = false;
  std::optional<std::string> authority_;  // of an absolute target
};

}  // namespace

bool HeadScan::ready(std::string_view input) {
  // What can't begin a method is refused at once: a TLS greeting holds no line end to wait for.
  if (!input.empty() && !is_token_char(input.front()) && input.front() != '\r') return true;
  while (looked_ < input.size()) {
    const std::size_t lf = input.find('\n', looked_);
    if (lf == std::string_view::npos) {
      looked_ = input.size();
      break;
    }
    looked_ = lf + 1;
    if (lf == line_start_ || input[lf - 1] != '\r') return true;  // bare LF
    const bool empty = lf - 1 == line_start_;
    // One empty line before the request line is tolerated (RFC 9112, 2.2).
    if (empty && (began_ || line_start_ > 0)) return true;
    began_ = began_ || !empty;
    line_start_ = lf + 1;
  }
  return input.size() > limits::http_head_bytes;
}

HeadParse parse_request_head(std::string_view input) {
  HeadParse out;
  if (!HeadScan().ready(input)) return out;
  const auto bad = [&out](ParseError error) {
    out.state = HeadParse::State::bad;
    out.error = std::move(error);
    return std::move(out);
  };

  const std::size_t skipped = input.starts_with("\r\n") ? 2 : 0;
  const std::string_view text = input.substr(skipped);
  if (!text.empty() && !is_token_char(text.front())) {
    return bad({400, "this port speaks HTTP/1.1; what came is no request line"});
  }
  const std::size_t end = text.find("\r\n\r\n");
  const std::string_view seen = text.substr(0, end == std::string_view::npos ? text.size() : end + 2);
  for (std::size_t lf = seen.find('\n'); lf != std::string_view::npos; lf = seen.find('\n', lf + 1)) {
    if (lf == 0 || seen[lf - 1] != '\r') return bad({400, "a line ends with LF without CR"});
  }
  if (end == std::string_view::npos || skipped + end + 4 > limits::http_head_bytes) {
    const bool in_first_line = seen.substr(0, limits::http_head_bytes).find('\n') == std::string_view::npos;
    return bad({in_first_line ? 414 : 431,
                fmt::format("{} longer than {} bytes", in_first_line ? "request line" : "request head",
                            limits::http_head_bytes)});
  }
  for (std::size_t cr = seen.find('\r'); cr != std::string_view::npos; cr = seen.find('\r', cr + 1)) {
    if (cr + 1 == seen.size() || seen[cr + 1] != '\n') return bad({400, "a CR without LF"});
  }

  HeadParser parser;
  if (auto parsed = parser.parse(seen); !parsed) return bad(std::move(parsed).error());
  out.consumed = skipped + end + 4;
  if (parser.is_last() && input.size() > out.consumed) return bad({400, std::string(both_framings)});
  out.state = HeadParse::State::complete;
  out.head = parser.take();
  return out;
}

}  // namespace kachery::http1
