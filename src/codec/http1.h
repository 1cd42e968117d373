// HTTP/1.1 heads and chunked bodies (RFC 9112): bytes in, values out; no sockets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace kachery::http1 {

struct Header {
  std::string name;   // lower case when parsed; as given when written
  std::string value;  // without surrounding white space
};

enum class BodyFraming { none, length, chunked };

struct RequestHead {
  std::string method;
  std::string target;     // as received, origin form (or "*")
  std::string path;       // percent-decoded; decoded NUL and control characters are refused
  std::string query;      // after '?', still encoded
  int minor_version = 1;  // HTTP/1.x
  std::vector<Header> headers;
  BodyFraming framing = BodyFraming::none;
  std::uint64_t content_length = 0;
  bool keep_alive = true;
  bool expect_continue = false;

  // First value of a header, by its lower-case name; nullptr if absent.
  const std::string* header(std::string_view name) const;
  // Decoded value of a query parameter.
  std::optional<std::string> query_value(std::string_view name) const;
};

// A refusal carries the status to answer with.
struct ParseError {
  int status = 400;
  std::string message;
};

struct HeadParse {
  enum class State { need_more, complete, bad };
  State state = State::need_more;
  std::size_t consumed = 0;  // complete: bytes of the head with its empty line
  RequestHead head;          // complete
  ParseError error;          // bad
};

// Looks for a whole head at the start of `input`. Strict where leniency lets requests be smuggled: bare LF,
// folded lines, space before a colon, Content-Length with Transfer-Encoding, differing Content-Lengths,
// unknown transfer codings, missing or repeated Host (HTTP/1.1), invalid characters: all bad.
HeadParse parse_request_head(std::string_view input);

// A chunked body in pieces of any size.
class ChunkedDecoder {
 public:
  // Takes bytes from the front of `input` (it is shortened) and returns the next run of body bytes, a view
  // into `input`'s bytes; an empty view when input is used up or the body is complete.
  Result<std::string_view> next(std::string_view& input);
  bool complete() const;

 private:
  enum class State { size, extension, size_lf, data, data_cr, data_lf, trailer, complete };
  State state_ = State::size;
  std::uint64_t left_ = 0;
  std::size_t line_bytes_ = 0;
  std::string trailer_line_;
};

// "HTTP/1.1 200 OK\r\n..." with the empty line. Header values must not contain CR or LF (asserted).
std::string response_head(int status, const std::vector<Header>& headers);
std::string chunk_prefix(std::size_t size);  // "1f\r\n"
inline constexpr std::string_view chunk_suffix = "\r\n";
inline constexpr std::string_view last_chunk = "0\r\n\r\n";
std::string_view reason_phrase(int status);

// "bytes=START-END" or "bytes=START-" against a body of `size` bytes as [start, end); nothing when there is
// no (single, satisfiable) range to honour; an error (416) when it lies beyond the end.
Result<std::optional<std::pair<std::uint64_t, std::uint64_t>>> parse_range(std::string_view value,
                                                                           std::uint64_t size);

// %41 -> A. Nothing on a bad escape.
std::optional<std::string> percent_decode(std::string_view text);

}  // namespace kachery::http1
