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
  std::string target;     // origin form (or "*"); of an absolute form, what follows the authority
  std::string path;       // percent-decoded (so %2F is a '/'); decoded control characters are refused
  std::string query;      // after '?', still encoded
  int minor_version = 1;  // HTTP/1.x
  std::vector<Header> headers;
  BodyFraming framing = BodyFraming::none;
  std::uint64_t content_length = 0;
  bool keep_alive = true;
  bool expect_continue = false;

  // First value of a header, by its lower-case name; nullptr if absent.
  const std::string* header(std::string_view name) const;
  // Decoded value of a query parameter ('+' is a space), its first if repeated. Nothing if it is absent or
  // badly escaped.
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
// unknown transfer codings, missing or repeated Host (HTTP/1.1), invalid characters: all bad. Bounded by
// limits::http_head_bytes (414, 431) and limits::http_headers (431). One exception: the existing Python
// client stores an empty file with "Content-Length: 0" and "Transfer-Encoding: chunked", then sends no chunk
// at all; if nothing follows that head, it is taken as a request without a body and the connection's last
// one.
HeadParse parse_request_head(std::string_view input);

// Remembers how far a head that arrives in pieces was looked at, so that every byte is looked at once and the
// head is parsed once.
class HeadScan {
 public:
  // `input` is all of the head that has arrived, beginning with the same bytes as at the last call. True
  // when parse_request_head() would no longer answer need_more.
  bool ready(std::string_view input);
  void reset() { *this = HeadScan(); }

 private:
  std::size_t looked_ = 0;
  std::size_t line_start_ = 0;
  bool began_ = false;  // a line that is not empty has been seen
};

// A chunked body in pieces of any size. Trailers are checked and dropped.
class ChunkedDecoder {
 public:
  // Takes bytes from the front of `input` (it is shortened) and returns the next run of body bytes, a view
  // into `input`'s bytes; an empty view when input is used up or the body is complete. After an error
  // (Errc::invalid) the body has no known end: close.
  Result<std::string_view> next(std::string_view& input);
  bool complete() const { return state_ == State::complete; }

 private:
  enum class State { size, extension, size_lf, data, data_cr, data_lf, trailer, trailer_lf, complete };
  Status line_byte(char c);

  State state_ = State::size;
  std::uint64_t left_ = 0;         // of the current chunk
  std::size_t digits_ = 0;         // of its size
  std::size_t line_bytes_ = 0;     // of its size line, or of the current trailer
  std::size_t trailer_bytes_ = 0;  // all trailers
};

// "HTTP/1.1 200 OK\r\n..." with the empty line. Names and values must not contain CR, LF or NUL (asserted; a
// build without assertions writes a space).
std::string response_head(int status, const std::vector<Header>& headers);
std::string chunk_prefix(std::size_t size);  // "1f\r\n"
inline constexpr std::string_view chunk_suffix = "\r\n";
inline constexpr std::string_view last_chunk = "0\r\n\r\n";
std::string_view reason_phrase(int status);

// "bytes=START-END", "bytes=START-" or "bytes=-LAST" against a body of `size` bytes as [start, end); nothing
// when there is no single well-formed range to honour; an error (answer 416) when it lies beyond the end.
Result<std::optional<std::pair<std::uint64_t, std::uint64_t>>> parse_range(std::string_view value,
                                                                           std::uint64_t size);

// %41 -> A. Nothing on a bad escape.
std::optional<std::string> percent_decode(std::string_view text);

// Equal but for the case of ASCII letters: how names and tokens of HTTP are compared.
bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace kachery::http1
