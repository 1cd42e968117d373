#include "codec/http1.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/limits.h"

namespace kachery::http1 {
namespace {

using State = HeadParse::State;

// Feeds `input` as a connection would: `step` bytes more each time until it is no longer incomplete.
HeadParse parse_in_steps(const std::string& input, std::size_t step) {
  HeadScan scan;
  for (std::size_t have = 0; have < input.size();) {
    have = std::min(have + step, input.size());
    const std::string_view arrived(input.data(), have);
    if (scan.ready(arrived)) {
      HeadParse parse = parse_request_head(arrived);
      EXPECT_NE(parse.state, State::need_more) << input;
      return parse;
    }
    EXPECT_EQ(parse_request_head(arrived).state, State::need_more) << input;
  }
  return {};
}

const std::size_t steps[] = {1, 2, 3, 7, 100'000};

HeadParse parse(const std::string& input) {
  HeadParse whole = parse_request_head(input);
  for (const std::size_t step : steps) {
    const HeadParse pieces = parse_in_steps(input, step);
    EXPECT_EQ(pieces.state, whole.state) << step << ": " << input;
    if (whole.state == State::complete) {
      EXPECT_EQ(pieces.consumed, whole.consumed) << step << ": " << input;
      EXPECT_EQ(pieces.head.target, whole.head.target);
      EXPECT_EQ(pieces.head.headers.size(), whole.head.headers.size());
    }
    if (whole.state == State::bad) {
      EXPECT_EQ(pieces.error.status, whole.error.status) << step << ": " << input;
    }
  }
  return whole;
}

TEST(RequestHead, OrdinaryRequest) {
  const std::string text =
      "POST /a%20b/c%2Fd?x=1&y=two+words&z=%41 HTTP/1.1\r\n"
      "Host: example.org:14507\r\n"
      "Content-Length:  12 \t\r\n"
      "X-Empty:\r\n"
      "X-Two: first\r\n"
      "x-two: second\r\n"
      "\r\n";
  const HeadParse out = parse(text + "body follows");
  ASSERT_EQ(out.state, State::complete) << out.error.message;
  EXPECT_EQ(out.consumed, text.size());
  const RequestHead& head = out.head;
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.target, "/a%20b/c%2Fd?x=1&y=two+words&z=%41");
  EXPECT_EQ(head.path, "/a b/c/d");
  EXPECT_EQ(head.query, "x=1&y=two+words&z=%41");
  EXPECT_EQ(head.minor_version, 1);
  EXPECT_EQ(head.framing, BodyFraming::length);
  EXPECT_EQ(head.content_length, 12u);
  EXPECT_TRUE(head.keep_alive);
  EXPECT_FALSE(head.expect_continue);
  ASSERT_NE(head.header("host"), nullptr);
  EXPECT_EQ(*head.header("host"), "example.org:14507");
  EXPECT_EQ(*head.header("content-length"), "12");
  EXPECT_EQ(*head.header("x-empty"), "");
  EXPECT_EQ(*head.header("x-two"), "first");
  EXPECT_EQ(head.header("x-three"), nullptr);
  EXPECT_EQ(head.query_value("x"), "1");
  EXPECT_EQ(head.query_value("y"), "two words");
  EXPECT_EQ(head.query_value("z"), "A");
  EXPECT_EQ(head.query_value("w"), std::nullopt);
}

TEST(RequestHead, QueryValues) {
  const RequestHead head = parse("GET /?a&b=&c=%zz&a=2&d%3d=e&&=f HTTP/1.1\r\nHost: h\r\n\r\n").head;
  EXPECT_EQ(head.query_value("a"), "");
  EXPECT_EQ(head.query_value("b"), "");
  EXPECT_EQ(head.query_value("c"), std::nullopt);
  EXPECT_EQ(head.query_value("d="), "e");
  EXPECT_EQ(head.query_value(""), "f");
}

struct GoodHead {
  std::string text;
  bool keep_alive = true;
  BodyFraming framing = BodyFraming::none;
  bool expect_continue = false;
};

TEST(RequestHead, WellFormed) {
  const std::string host = "Host: h\r\n";
  const GoodHead heads[] = {
      {"GET / HTTP/1.1\r\n" + host + "\r\n"},
      {"\r\nGET / HTTP/1.1\r\n" + host + "\r\n"},
      {"OPTIONS * HTTP/1.1\r\n" + host + "\r\n"},
      {"GET / HTTP/1.1\r\nHost:\r\n\r\n"},
      {"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"},
      {"GET / HTTP/1.1\r\n" + host + "Connection: close\r\n\r\n", false},
      {"GET / HTTP/1.1\r\n" + host + "Connection: x, CLOSE\r\nConnection: keep-alive\r\n\r\n", false},
      {"GET / HTTP/1.0\r\n\r\n", false},
      {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
      {"GET / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", false, BodyFraming::length},
      {"GET / HTTP/1.2\r\n" + host + "\r\n"},
      {"PUT / HTTP/1.1\r\n" + host + "Content-Length: 0\r\n\r\n"},
      {"PUT / HTTP/1.1\r\n" + host + "Content-Length: 7\r\nContent-Length: 7\r\n\r\n", true,
       BodyFraming::length},
      {"PUT / HTTP/1.1\r\n" + host + "Transfer-Encoding: Chunked\r\n\r\n", true, BodyFraming::chunked},
      {"PUT / HTTP/1.1\r\n" + host + "Transfer-Encoding: ,chunked,\r\nExpect: 100-Continue\r\n\r\n", true,
       BodyFraming::chunked, true},
      {"PUT / HTTP/1.1\r\n" + host + "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", false},
      {"GET / HTTP/1.1\r\n" + host + "Expect: 100-continue\r\n\r\n"},
      {"GET / HTTP/1.1\r\n" + host + "X: tab\there \xc3\xa9\r\n\r\n"},
  };
  for (const GoodHead& good : heads) {
    const HeadParse out = parse(good.text);
    ASSERT_EQ(out.state, State::complete) << good.text << out.error.message;
    EXPECT_EQ(out.consumed, good.text.size());
    EXPECT_EQ(out.head.keep_alive, good.keep_alive) << good.text;
    EXPECT_EQ(out.head.framing, good.framing) << good.text;
    EXPECT_EQ(out.head.expect_continue, good.expect_continue) << good.text;
  }
}

TEST(RequestHead, AbsoluteTargetOverrulesHost) {
  const HeadParse out = parse("GET http://real:80/x?y HTTP/1.1\r\nHost: other\r\n\r\n");
  ASSERT_EQ(out.state, State::complete);
  EXPECT_EQ(out.head.target, "/x?y");
  EXPECT_EQ(out.head.path, "/x");
  EXPECT_EQ(*out.head.header("host"), "real:80");
  EXPECT_EQ(parse("GET HTTP://real?y HTTP/1.1\r\nHost: other\r\n\r\n").head.target, "/?y");
}

TEST(RequestHead, Refused) {
  const std::string get = "GET / HTTP/1.1\r\n";
  const std::string host = "Host: h\r\n";
  const std::string put = "PUT / HTTP/1.1\r\n" + host;
  const struct {
    int status;
    std::string text;
  } heads[] = {
      // request line
      {400, "GET /\r\n\r\n"},
      {400, "GET  HTTP/1.1\r\n\r\n"},
      {400, "GET /a b HTTP/1.1\r\n" + host + "\r\n"},
      {400, "G@T / HTTP/1.1\r\n" + host + "\r\n"},
      {400, "GET / http/1.1\r\n" + host + "\r\n"},
      {400, "GET / HTTP/1.10\r\n" + host + "\r\n"},
      {505, "GET / HTTP/2.0\r\n" + host + "\r\n"},
      {400, "GET example.org:80 HTTP/1.1\r\n" + host + "\r\n"},
      {400, "GET * HTTP/1.1\r\n" + host + "\r\n"},
      {400, "GET /#x HTTP/1.1\r\n" + host + "\r\n"},
      {400, "GET /\xc3\xa9 HTTP/1.1\r\n" + host + "\r\n"},
      {400, "GET /\x7f HTTP/1.1\r\n" + host + "\r\n"},
      {400, "GET /%zz HTTP/1.1\r\n" + host + "\r\n"},
      {400, "GET /%4 HTTP/1.1\r\n" + host + "\r\n"},
      {400, "GET /%00 HTTP/1.1\r\n" + host + "\r\n"},
      {400, "GET /%0a HTTP/1.1\r\n" + host + "\r\n"},
      {400, "GET /%7F HTTP/1.1\r\n" + host + "\r\n"},
      {400, "GET http:// HTTP/1.1\r\n" + host + "\r\n"},
      {400, "GET http://a@b/ HTTP/1.1\r\n" + host + "\r\n"},
      {400, " GET / HTTP/1.1\r\n" + host + "\r\n"},
      {400, "\r\n\r\nGET / HTTP/1.1\r\n" + host + "\r\n"},
      {400, "\x16\x03\x01\x02"},
      // lines
      {400, "GET / HTTP/1.1\n" + host + "\r\n"},
      {400, get + "Host: h\n\r\n"},
      {400, get + host + "\n"},
      {400, get + host + "X: a\rb\r\n\r\n"},
      {400, get + host + "X: a\r\r\n\r\n"},
      {400, get + host + "X: a\r\n b\r\n\r\n"},
      {400, get + "\tX: a\r\n" + host + "\r\n"},
      {400, get + host + "X : a\r\n\r\n"},
      {400, get + host + ": a\r\n\r\n"},
      {400, get + host + "X\r\n\r\n"},
      {400, get + host + "X\xc3\xa9: a\r\n\r\n"},
      {400, get + host + std::string("X: a\0b\r\n\r\n", 10)},
      {400, get + host + "X: a\x7f\r\n\r\n"},
      // Host
      {400, get + "\r\n"},
      {400, get + host + host + "\r\n"},
      {400, get + "Host: a, b\r\n\r\n"},
      {400, get + "Host: a/b\r\n\r\n"},
      {400, "GET / HTTP/1.0\r\n" + host + host + "\r\n"},
      // framing: every way to let two servers disagree about where a request ends
      {400, put + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"},
      {400, put + "Content-Length: 5, 5\r\n\r\n"},
      {400, put + "Content-Length: 5 5\r\n\r\n"},
      {400, put + "Content-Length: +5\r\n\r\n"},
      {400, put + "Content-Length: -5\r\n\r\n"},
      {400, put + "Content-Length: 0x5\r\n\r\n"},
      {400, put + "Content-Length:\r\n\r\n"},
      {400, put + "Content-Length: 5\r\nContent-Length: 05\r\n\r\n"},
      {413, put + "Content-Length: 9007199254740993\r\n\r\n"},
      {413, put + "Content-Length: 99999999999999999999999999999\r\n\r\n"},
      {400, put + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {400, put + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"},
      {400, put + "Content-Length: 00\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {501, put + "Content-Length: 0\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"},
      {400, put + "Transfer-Encoding: chunked, chunked\r\n\r\n"},
      {400, put + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {400, put + "Transfer-Encoding: chunked, gzip\r\n\r\n"},
      {400, put + "Transfer-Encoding: gzip\r\n\r\n"},
      {400, put + "Transfer-Encoding: identity\r\n\r\n"},
      {400, put + "Transfer-Encoding: xchunked\r\n\r\n"},
      {400, put + "Transfer-Encoding: \x0b"
                  "chunked\r\n\r\n"},
      {400, put + "Transfer-Encoding:\r\n\r\n"},
      {501, put + "Transfer-Encoding: gzip, chunked\r\n\r\n"},
      {400, put + "Transfer-Encoding : chunked\r\n\r\n"},
      {400, "PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {417, put + "Content-Length: 5\r\nExpect: a-miracle\r\n\r\n"},
  };
  for (const auto& head : heads) {
    const HeadParse out = parse(head.text);
    ASSERT_EQ(out.state, State::bad) << head.text;
    EXPECT_EQ(out.error.status, head.status) << head.text << out.error.message;
    EXPECT_FALSE(out.error.message.empty());
  }
}

TEST(RequestHead, NothingMayFollowAnEmptyBodyThatIsAlsoChunked) {
  const std::string head =
      "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(parse_request_head(head).state, State::complete);
  for (const char* more : {"0\r\n\r\n", "GET / HTTP/1.1\r\n", "x"}) {
    const HeadParse out = parse_request_head(head + more);
    EXPECT_EQ(out.state, State::bad) << more;
    EXPECT_EQ(out.error.status, 400) << more;
  }
}

TEST(RequestHead, Limits) {
  const std::string line = "GET / HTTP/1.1\r\nHost: h\r\n";
  const auto filled_to = [&](std::size_t size) {
    return line + "X: " + std::string(size - line.size() - 7, 'x') + "\r\n\r\n";
  };
  EXPECT_EQ(parse_in_steps(filled_to(limits::http_head_bytes), 1).state, State::complete);
  for (const std::size_t size : {limits::http_head_bytes + 1, 4 * limits::http_head_bytes}) {
    const HeadParse out = parse_request_head(filled_to(size));
    EXPECT_EQ(out.state, State::bad);
    EXPECT_EQ(out.error.status, 431);
  }
  const std::string endless(limits::http_head_bytes, 'a');
  EXPECT_EQ(parse_request_head(endless).state, State::need_more);
  EXPECT_EQ(parse_request_head("GET /" + endless).error.status, 414);
  EXPECT_EQ(parse_request_head("GET /" + endless + " HTTP/1.1\r\n\r\n").error.status, 414);
  EXPECT_EQ(parse_request_head(line + endless).error.status, 431);

  std::string many = line;
  for (std::size_t i = 1; i < limits::http_headers; ++i) many += "X: y\r\n";
  EXPECT_EQ(parse_request_head(many + "\r\n").state, State::complete);
  EXPECT_EQ(parse_request_head(many + "X: y\r\n\r\n").error.status, 431);
}

TEST(RequestHead, PipelinedRequestsAreTakenOneByOne) {
  const std::string one = "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n";
  const std::string both = one + "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n";
  const HeadParse first = parse_request_head(both);
  ASSERT_EQ(first.state, State::complete);
  EXPECT_EQ(first.consumed, one.size());
  EXPECT_EQ(parse_request_head(std::string_view(both).substr(first.consumed)).head.target, "/2");
}

// ---- chunked bodies

struct Decoded {
  std::string body;
  std::string rest;
  bool complete = false;
  bool failed = false;
};

Decoded decode(const std::string& input, std::size_t step) {
  Decoded out;
  ChunkedDecoder decoder;
  for (std::size_t at = 0; at < input.size(); at += step) {
    std::string_view piece = std::string_view(input).substr(at, step);
    while (true) {
      const auto run = decoder.next(piece);
      if (!run) {
        EXPECT_EQ(run.error().code, Errc::invalid);
        out.failed = true;
        return out;
      }
      if (run->empty()) break;
      out.body += *run;
    }
    out.rest += piece;
  }
  out.complete = decoder.complete();
  return out;
}

TEST(ChunkedDecoder, Bodies) {
  const struct {
    std::string text;
    std::string body;
    bool complete;
    std::string rest;
  } cases[] = {
      {"0\r\n\r\n", "", true, ""},
      {"5\r\nhello\r\n0\r\n\r\n", "hello", true, ""},
      {"5\r\nhello\r\n6;a=b;c=\"d e\"\r\n world\r\n000\r\n\r\nGET /", "hello world", true, "GET /"},
      {"A \t;x\r\n0123456789\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n!", "0123456789", true, "!"},
      {"1f\r\n" + std::string(31, 'z') + "\r\n0\r\n\r\n", std::string(31, 'z'), true, ""},
      {"2\r\n\r\n\r\n0\r\n\r\n", "\r\n", true, ""},
      {"5\r\nhel", "hel", false, ""},
      {"5\r\nhello\r\n0\r\n", "hello", false, ""},
      {"5\r\nhello\r\n0\r\nX: y\r\n\r", "hello", false, ""},
  };
  for (const auto& test : cases) {
    for (const std::size_t step : steps) {
      const Decoded out = decode(test.text, step);
      EXPECT_FALSE(out.failed) << test.text;
      EXPECT_EQ(out.body, test.body) << test.text;
      EXPECT_EQ(out.complete, test.complete) << test.text;
      EXPECT_EQ(out.rest, test.rest) << test.text;
    }
  }
}

TEST(ChunkedDecoder, Refused) {
  const std::string cases[] = {
      "\r\n",
      "x\r\n",
      "-1\r\n",
      "+1\r\n",
      "0x5\r\n",
      " 5\r\n",
      ";a\r\n",
      "5\nhello\r\n",
      "5\r hello\r\n",
      "5\r\nhelloX\r\n0\r\n\r\n",
      "5\r\nhello\n0\r\n\r\n",
      "5\r\nhello\rX",
      "5\r\nhello0\r\n\r\n",
      "5;a\nb\r\nhello",
      "5;a\x01\r\nhello",
      "5;" + std::string(600, 'a'),
      "20000000000001\r\n",
      "200000000000000\r\n",
      "ffffffffffffffff\r\n",
      "10000000000000000\r\n",
      "00000000000000000\r\n",
      "0\r\nX: y\n\r\n",
      "0\r\n folded\r\n\r\n",
      "0\r\nX: \x02\r\n\r\n",
      "0\r\nX\rY\r\n\r\n",
      "0\r\nX: " + std::string(limits::http_head_bytes, 'a') + "\r\n\r\n",
  };
  for (const std::string& text : cases) {
    for (const std::size_t step : steps) EXPECT_TRUE(decode(text, step).failed) << text;
  }
}

// ---- writing

TEST(ResponseHead, IsWritten) {
  EXPECT_EQ(response_head(200, {{"Content-Length", "2"}, {"X", "y z"}}),
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: y z\r\n\r\n");
  EXPECT_EQ(response_head(299, {}), "HTTP/1.1 299 Unknown\r\n\r\n");
  EXPECT_EQ(reason_phrase(416), "Range Not Satisfiable");
  EXPECT_EQ(chunk_prefix(31), "1f\r\n");
}

#ifndef NDEBUG
TEST(ResponseHeadDeathTest, RefusesToSplitResponses) {
  EXPECT_DEATH(response_head(200, {{"X", "a\r\nB: c"}}), "splits");
}
#else
TEST(ResponseHead, RefusesToSplitResponses) {
  EXPECT_EQ(response_head(200, {{"X", "a\r\nB: c"}}), "HTTP/1.1 200 OK\r\nX: a  B: c\r\n\r\n");
}
#endif

// ---- ranges and escapes

TEST(Range, Table) {
  using Range = std::optional<std::pair<std::uint64_t, std::uint64_t>>;
  const auto range = [](std::uint64_t start, std::uint64_t end) { return Range(std::pair(start, end)); };
  const struct {
    std::string value;
    std::uint64_t size;
    Range expected;
  } good[] = {
      {"bytes=0-0", 10, range(0, 1)},   {"bytes=2-5", 10, range(2, 6)},
      {"Bytes=2-", 10, range(2, 10)},   {"bytes=9-9", 10, range(9, 10)},
      {"bytes=0-10", 10, range(0, 10)}, {"bytes=0-99999999999999999999999999", 10, range(0, 10)},
      {"bytes=-3", 10, range(7, 10)},   {"bytes=-30", 10, range(0, 10)},
      {"bytes=5-4", 10, std::nullopt},  {"bytes=0-1,3-4", 10, std::nullopt},
      {"bytes=", 10, std::nullopt},     {"bytes=-", 10, std::nullopt},
      {"bytes=a-b", 10, std::nullopt},  {"bytes= 1-2", 10, std::nullopt},
      {"bytes=--2", 10, std::nullopt},  {"items=0-1", 10, std::nullopt},
      {"", 10, std::nullopt},
  };
  for (const auto& test : good) {
    const auto out = parse_range(test.value, test.size);
    ASSERT_TRUE(out.has_value()) << test.value;
    EXPECT_EQ(*out, test.expected) << test.value;
  }
  for (const std::string value : {"bytes=10-", "bytes=10-20", "bytes=99999999999999999999-", "bytes=-0"}) {
    EXPECT_FALSE(parse_range(value, 10).has_value()) << value;
  }
  EXPECT_FALSE(parse_range("bytes=0-", 0).has_value());
  EXPECT_FALSE(parse_range("bytes=-5", 0).has_value());
}

TEST(PercentDecode, Table) {
  EXPECT_EQ(percent_decode(""), "");
  EXPECT_EQ(percent_decode("a+b"), "a+b");
  EXPECT_EQ(percent_decode("%41%6a%4A"), "AjJ");
  EXPECT_EQ(percent_decode("%00"), std::string(1, '\0'));
  EXPECT_EQ(percent_decode("100%25"), "100%");
  for (const std::string bad : {"%", "%4", "%4g", "%g4", "x%", "%%41", "%+1"}) {
    EXPECT_EQ(percent_decode(bad), std::nullopt) << bad;
  }
}

TEST(EqualIgnoringCase, Table) {
  EXPECT_TRUE(equal_ignoring_case("Content-Type", "content-TYPE"));
  EXPECT_FALSE(equal_ignoring_case("Content-Type", "Content-Typ"));
  EXPECT_FALSE(equal_ignoring_case("@", "`"));
}

}  // namespace
}  // namespace kachery::http1
