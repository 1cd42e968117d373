// HTTP/1.1: heads and chunked bodies in pieces give what the whole gives; ranges lie within their body.
#include <string>

#include "codec/http1.h"
#include "fuzz/fuzz.h"

using namespace kachery;

namespace {

using State = http1::HeadParse::State;

// Heads longer than this are not tried at every length, which takes quadratic time.
constexpr std::size_t short_head = 300;

void check_head(std::string_view text) {
  const http1::HeadParse whole = http1::parse_request_head(text);
  http1::HeadScan scan;
  for (std::size_t n = text.size() <= short_head ? 0 : text.size(); n <= text.size(); ++n) {
    const std::string_view front = text.substr(0, n);
    const http1::HeadParse parse = http1::parse_request_head(front);
    FUZZ_CHECK(scan.ready(front) == (parse.state != State::need_more));
    // Once there is an answer it stays, whatever follows.
    if (parse.state == State::need_more) continue;
    FUZZ_CHECK(whole.state == parse.state);
    FUZZ_CHECK(whole.consumed == parse.consumed);
    FUZZ_CHECK(whole.error.status == parse.error.status);
    break;
  }
  if (whole.state == State::bad) FUZZ_CHECK(whole.error.status >= 400 && whole.error.status < 600);
  if (whole.state != State::complete) return;
  FUZZ_CHECK(whole.consumed > 0 && whole.consumed <= text.size());
  FUZZ_CHECK(text.substr(0, whole.consumed).ends_with("\r\n\r\n"));
  const http1::RequestHead& head = whole.head;
  for (const char c : head.path) FUZZ_CHECK(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  for (const http1::Header& header : head.headers) {
    FUZZ_CHECK(!header.name.empty());
    FUZZ_CHECK(header.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
    FUZZ_CHECK(head.header(header.name) != nullptr);
  }
  FUZZ_CHECK(head.framing != http1::BodyFraming::chunked || head.header("content-length") == nullptr);
  head.query_value("format");
}

struct Body {
  std::string bytes;
  bool failed = false;
  bool complete = false;
  std::size_t left = 0;  // input behind the body
  friend bool operator==(const Body&, const Body&) = default;
};

Body decode(std::string_view stream, std::size_t piece_size) {
  http1::ChunkedDecoder decoder;
  Body out;
  fuzz::in_pieces(stream, piece_size, [&](std::string_view piece) {
    if (out.failed) return;
    while (!decoder.complete() && !piece.empty()) {
      const auto run = decoder.next(piece);
      out.failed = !run;
      if (!run) return;
      out.bytes += *run;
    }
    out.left += piece.size();
  });
  out.complete = decoder.complete();
  return out;
}

void check_chunked(std::string_view stream, std::size_t piece_size) {
  const Body whole = decode(stream, stream.size());
  for (const std::size_t n : {std::size_t{1}, std::size_t{2}, std::size_t{3}, piece_size}) {
    FUZZ_CHECK(decode(stream, n) == whole);
  }

  std::string written;
  fuzz::in_pieces(stream, piece_size, [&](std::string_view piece) {
    written += http1::chunk_prefix(piece.size());
    written += piece;
    written += http1::chunk_suffix;
  });
  written += http1::last_chunk;
  const Body expected{std::string(stream), false, true, 0};
  FUZZ_CHECK(decode(written, piece_size) == expected);
}

void check_values(std::string_view text, std::uint64_t body_size) {
  if (const auto range = http1::parse_range(text, body_size); range && *range) {
    FUZZ_CHECK((*range)->first < (*range)->second && (*range)->second <= body_size);
  }
  if (const auto decoded = http1::percent_decode(text)) FUZZ_CHECK(decoded->size() <= text.size());
  std::string encoded;
  for (const char c : text) {
    static constexpr std::string_view digits = "0123456789ABCDEF";
    const auto byte = static_cast<std::uint8_t>(c);
    encoded += '%';
    encoded += digits[byte >> 4];
    encoded += digits[byte & 15];
  }
  FUZZ_CHECK(http1::percent_decode(encoded) == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::uint8_t choice = input.byte();
  check_head(input.rest());
  check_chunked(input.rest(), choice);
  check_values(input.rest(), choice);
  return 0;
}
