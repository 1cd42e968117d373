// Bodies of requests: collected, streamed, paused, refused, broken.
#include "net/http_server.h"
#include "unit/net/server_fixture.h"

namespace kachery {
namespace {

using testing::ample_limits;
using testing::get;
using testing::noise;
using testing::parse_response;
using testing::post;
using testing::RawClient;
using testing::RawResponse;
using testing::run_until;
using testing::settle;

class HttpServerBodyTest : public testing::ServerTest {};

HttpServer::Handler echo(std::size_t max_bytes = 1u << 20) {
  return [max_bytes](const HttpExchangePtr& exchange) {
    exchange->collect_body(max_bytes,
                           [exchange](const std::string& body) { exchange->respond_text(200, body); });
  };
}

std::string chunked(std::string_view body, std::size_t chunk) {
  std::string out = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (std::size_t at = 0; at < body.size(); at += chunk) {
    const std::string_view piece = body.substr(at, chunk);
    out += http1::chunk_prefix(piece.size()) + std::string(piece) + "\r\n";
  }
  return out + "0\r\nX-Trailer: y\r\n\r\n";
}

TEST_F(HttpServerBodyTest, Collects) {
  open(echo());
  EXPECT_EQ(ask(post("/", "hello")).body, "hello");
  EXPECT_EQ(ask(post("/", "")).body, "");
  EXPECT_EQ(ask(get("/")).body, "");
  const std::string big = noise(500'000);
  EXPECT_EQ(ask(post("/", big)).body, big);
  EXPECT_EQ(ask(chunked(big, 7'919)).body, big);
  EXPECT_EQ(ask(chunked("x", 1)).body, "x");
  EXPECT_EQ(ask(chunked("", 1)).body, "");
}

TEST_F(HttpServerBodyTest, CollectsWhatComesInPieces) {
  open(echo());
  for (const std::string& text : {post("/", "hello, world"), chunked("hello, world", 5)}) {
    for (const std::size_t step : {1u, 2u, 3u}) {
      RawClient client = connect();
      for (std::size_t at = 0; at < text.size(); at += step) {
        client.send(std::string_view(text).substr(at, step));
        loop.run_once();
      }
      client.expect("hello, world");
    }
  }
}

TEST_F(HttpServerBodyTest, DoneComesLater) {
  bool within = false;
  open([&](const HttpExchangePtr& exchange) {
    within = true;
    exchange->collect_body(10, [&, exchange](const std::string&) {
      EXPECT_FALSE(within);
      exchange->respond_text(200, "ok");
    });
    within = false;
  });
  EXPECT_EQ(ask(get("/")).body, "ok");
  EXPECT_EQ(ask(post("/", "1")).body, "ok");
}

TEST_F(HttpServerBodyTest, BodiesMayBeAskedForLater) {
  std::vector<HttpExchangePtr> waiting;
  open([&](HttpExchangePtr exchange) { waiting.push_back(std::move(exchange)); });
  RawClient client = connect();
  const std::string body = noise(300'000);
  client.send(post("/", body) + get("/next"));
  run_until(loop, [&] { return !waiting.empty(); });
  settle(loop);
  const HttpExchangePtr exchange = std::move(waiting.back());
  waiting.clear();
  exchange->collect_body(1u << 20, [&](std::string all) {
    EXPECT_EQ(all, body);
    exchange->respond_text(200, "got it");
  });
  client.expect("got it");
  run_until(loop, [&] { return !waiting.empty(); });
  EXPECT_EQ(waiting[0]->head().path, "/next");
}

TEST_F(HttpServerBodyTest, TooLargeByContentLengthIsRefusedBeforeItIsRead) {
  open(echo(10));
  RawClient client = connect();
  client.send(post("/", std::string(11, 'x'), "Expect: 100-continue\r\n").substr(0, 80));
  client.expect("10 bytes");
  EXPECT_EQ(parse_response(client.received).status, 413);
}

TEST_F(HttpServerBodyTest, TooLargeChunkedIsRefusedAsSoonAsItShows) {
  open(echo(10));
  RawClient client = connect();
  client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\nworld");
  settle(loop);
  EXPECT_EQ(client.received, "");
  client.send("!");
  client.expect("10 bytes");
  EXPECT_EQ(parse_response(client.received).status, 413);
  client.expect_close();
}

// The client sends all of a big body before it reads: the refusal must not be lost in a reset.
TEST_F(HttpServerBodyTest, RefusalReachesAClientThatGoesOnSending) {
  open(echo(10));
  RawClient client = connect();
  client.listen(false);
  client.send(post("/", noise(8u << 20)));
  run_until(loop, [&] { return client.unsent() == 0; });
  client.shut_down_sending();
  client.listen(true);
  client.expect_close();
  EXPECT_FALSE(client.broken);
  EXPECT_EQ(parse_response(client.received).status, 413);
}

TEST_F(HttpServerBodyTest, SmallUnreadBodiesAreDroppedAndTheConnectionKept) {
  open([](const HttpExchangePtr& exchange) { exchange->respond_text(404, "no"); });
  RawClient client = connect();
  const std::string request = post("/", noise(10'000));
  client.send(request.substr(0, 5'000));
  client.expect("no");
  client.send(request.substr(5'000) + get("/again"));
  run_until(loop, [&] { return parse_response(parse_response(client.received).rest).whole; });
  EXPECT_FALSE(client.closed);
}

TEST_F(HttpServerBodyTest, CollectedBytesAreLimitedOverAllConnections) {
  HttpServerLimits limits = ample_limits();
  limits.collected_bytes = 1'000;
  open(echo(), limits);
  RawClient hog = connect();
  const std::string large = post("/", noise(900));
  hog.send(large.substr(0, large.size() - 1));
  settle(loop);
  EXPECT_EQ(ask(post("/", noise(102))).status, 503);
  EXPECT_EQ(ask(post("/", noise(50))).status, 200);
  // What the hog held comes back when it goes, whichever way.
  hog.disconnect();
  run_until(loop, [&] { return server->connections() == 0; });
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask(post("/", noise(900))).status, 200);
}

TEST_F(HttpServerBodyTest, ContinueIsSentWhenTheBodyIsWanted) {
  HttpExchangePtr waiting;
  open([&](HttpExchangePtr exchange) { waiting = std::move(exchange); });
  RawClient client = connect();
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  run_until(loop, [&] { return waiting != nullptr; });
  settle(loop);
  EXPECT_EQ(client.received, "");
  waiting->collect_body(10, [&](const std::string& body) { waiting->respond_text(200, body); });
  client.expect("HTTP/1.1 100 Continue\r\n\r\n");
  client.send("hello");
  client.expect("\r\n\r\nhello");
  client.send(get("/"));  // the connection lives on
  const HttpExchange* const first = waiting.get();
  run_until(loop, [&] { return waiting.get() != first; });
  waiting->respond_text(200, "second");
  client.expect("second");
}

TEST_F(HttpServerBodyTest, ContinueIsNotSentBeforeARefusalNorWhenTheBodyIsThere) {
  open([&](const HttpExchangePtr& exchange) {
    if (exchange->head().path == "/no") {
      exchange->respond_text(403, "no");
    } else {
      exchange->collect_body(10, [exchange](std::string body) { exchange->respond_text(200, body); });
    }
  });
  RawClient refused = connect();
  refused.send("POST /no HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  refused.expect_close();  // whether the five bytes will come is not known
  EXPECT_EQ(parse_response(refused.received).status, 403);
  RawClient old = connect();
  old.send("POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello");
  old.expect_close();
  EXPECT_EQ(parse_response(old.received).status, 200);
}

// ---- streamed

struct Streamed {
  HttpExchangePtr exchange;
  std::string body;
  bool ended = false;
  std::optional<Error> broken;
  bool went = false;

  HttpServer::Handler handler() {
    return [this](HttpExchangePtr with) {
      exchange = std::move(with);
      exchange->on_closed([this] { went = true; });
      exchange->stream_body({[this](std::string_view piece) { body += piece; },
                             [this] {
                               ended = true;
                               exchange->respond_text(200, "thanks");
                             },
                             [this](Error error) { broken = std::move(error); }});
    };
  }
};

TEST_F(HttpServerBodyTest, Streams) {
  for (const bool in_chunks : {false, true}) {
    Streamed streamed;
    open(streamed.handler());
    const std::string body = noise(5u << 20);
    RawClient client = connect();
    client.send(in_chunks ? chunked(body, 40'000) : post("/", body));
    client.expect("thanks");
    EXPECT_TRUE(streamed.ended);
    EXPECT_TRUE(streamed.body == body);
    EXPECT_FALSE(streamed.broken);
    EXPECT_FALSE(streamed.went);
  }
}

TEST_F(HttpServerBodyTest, StreamsAnEmptyBody) {
  Streamed streamed;
  open(streamed.handler());
  EXPECT_EQ(ask(post("/", "")).body, "thanks");
  EXPECT_TRUE(streamed.ended);
}

TEST_F(HttpServerBodyTest, PausingStopsTheClientAndKeepsWhatWasRead) {
  for (const bool in_chunks : {false, true}) {
    Streamed streamed;
    bool paused = true;
    open([&](HttpExchangePtr exchange) {
      streamed.exchange = std::move(exchange);
      streamed.exchange->stream_body({[&](std::string_view piece) {
                                        EXPECT_FALSE(paused && !streamed.body.empty());
                                        streamed.body += piece;
                                        if (paused) streamed.exchange->pause_body(true);
                                      },
                                      [&] { streamed.exchange->respond_text(200, "thanks"); },
                                      {}});
    });
    const std::string body = noise(32u << 20);
    RawClient client = connect();
    client.send(in_chunks ? chunked(body, 1'000'000) : post("/", body));
    settle(loop, 200);
    EXPECT_GT(streamed.body.size(), 0u);
    EXPECT_LE(streamed.body.size(), 2u << 20);
    EXPECT_GT(client.unsent(), 8u << 20);  // the rest waits at the client
    paused = false;
    streamed.exchange->pause_body(false);
    client.expect("thanks");
    EXPECT_TRUE(streamed.body == body);
  }
}

TEST_F(HttpServerBodyTest, EndIsNotToldWhilePaused) {
  Streamed streamed;
  open([&](HttpExchangePtr exchange) {
    streamed.handler()(exchange);
    exchange->pause_body(true);
  });
  RawClient client = connect();
  client.send(post("/", "hello"));
  settle(loop);
  EXPECT_EQ(streamed.body, "");
  EXPECT_FALSE(streamed.ended);
  ASSERT_NE(streamed.exchange, nullptr);
  streamed.exchange->pause_body(false);
  client.expect("thanks");
  EXPECT_EQ(streamed.body, "hello");
}

TEST_F(HttpServerBodyTest, ClientThatGoesInMidBody) {
  for (const bool reset : {false, true}) {
    for (const std::string& text : {post("/", noise(1'000)), chunked(noise(1'000), 400)}) {
      Streamed streamed;
      open(streamed.handler());
      RawClient client = connect();
      client.send(text.substr(0, 700));
      run_until(loop, [&] { return !streamed.body.empty(); });
      client.disconnect(reset);
      run_until(loop, [&] { return streamed.broken.has_value(); });
      EXPECT_FALSE(streamed.ended);
      EXPECT_TRUE(streamed.went);
      EXPECT_TRUE(streamed.exchange->closed());
      if (!reset) {
        EXPECT_EQ(streamed.broken->code, Errc::unreachable);
        EXPECT_NE(streamed.broken->message.find("bytes"), std::string::npos) << streamed.broken->message;
      }
      streamed.exchange.reset();
      run_until(loop, [&] { return server->connections() == 0; });
    }
  }
}

TEST_F(HttpServerBodyTest, HalfClosedBeforeTheBodyIsWhole) {
  Streamed streamed;
  open(streamed.handler());
  RawClient client = connect();
  client.send(post("/", "12345").substr(0, post("/", "12345").size() - 2));
  client.shut_down_sending();
  run_until(loop, [&] { return streamed.broken.has_value(); });
  EXPECT_EQ(streamed.broken->message, "the client closed the connection after 3 of 5 bytes");
}

TEST_F(HttpServerBodyTest, BrokenFramingIsToldAndRefused) {
  Streamed streamed;
  open(streamed.handler());
  RawClient client = connect();
  client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nnonsense\r\n");
  client.expect_close();
  EXPECT_EQ(parse_response(client.received).status, 400);
  ASSERT_TRUE(streamed.broken.has_value());
  EXPECT_EQ(streamed.broken->code, Errc::invalid);
  EXPECT_FALSE(streamed.ended);
  EXPECT_EQ(streamed.body, "hello");
}

TEST_F(HttpServerBodyTest, BrokenFramingOfACollectedBody) {
  open(echo());
  EXPECT_EQ(ask("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n").status, 400);
}

TEST_F(HttpServerBodyTest, BodiesThatStopComingTimeOut) {
  HttpServerLimits limits = ample_limits();
  limits.body_idle_timeout = milliseconds(40);
  Streamed streamed;
  open(streamed.handler(), limits);
  RawClient client = connect();
  client.send(post("/", "12345").substr(0, post("/", "12345").size() - 2));
  client.expect_close();
  ASSERT_TRUE(streamed.broken.has_value());
  EXPECT_EQ(streamed.broken->code, Errc::timed_out);
  EXPECT_EQ(parse_response(client.received).status, 408);
}

TEST_F(HttpServerBodyTest, PausedBodiesDoNotTimeOut) {
  HttpServerLimits limits = ample_limits();
  limits.body_idle_timeout = milliseconds(20);
  Streamed streamed;
  open(
      [&](HttpExchangePtr exchange) {
        streamed.handler()(exchange);
        exchange->pause_body(true);
      },
      limits);
  RawClient client = connect();
  client.send(post("/", "hello"));
  bool waited = false;
  const auto timer = loop.after(milliseconds(150), [&] { waited = true; });
  run_until(loop, [&] { return waited; });
  EXPECT_FALSE(streamed.broken);
  streamed.exchange->pause_body(false);
  client.expect("thanks");
}

TEST_F(HttpServerBodyTest, AnsweringInMidBodyDropsTheRest) {
  int pieces = 0;
  open([&](const HttpExchangePtr& exchange) {
    exchange->stream_body({[&, exchange](std::string_view) {
                             ++pieces;
                             exchange->respond_text(507, "disk full");
                           },
                           [] { FAIL(); }, [](const Error&) { FAIL(); }});
  });
  RawClient client = connect();
  client.listen(false);
  client.send(post("/", noise(6u << 20)));
  run_until(loop, [&] { return client.unsent() == 0; });
  client.listen(true);
  client.expect_close();
  EXPECT_EQ(parse_response(client.received).status, 507);
  EXPECT_FALSE(client.broken);
  EXPECT_EQ(pieces, 1);
}

TEST_F(HttpServerBodyTest, DroppingTheExchangeInItsOwnSink) {
  HttpExchangePtr kept;
  open([&](HttpExchangePtr exchange) {
    kept = std::move(exchange);
    kept->stream_body({[&, padding = std::string(100, 'x')](std::string_view) {
                         kept.reset();
                         EXPECT_EQ(padding, std::string(100, 'x'));
                       },
                       [] { FAIL(); }, [](const Error&) { FAIL(); }});
  });
  EXPECT_EQ(ask(post("/", "hello")).status, 500);
}

TEST_F(HttpServerBodyTest, AbortingInItsOwnSink) {
  open([&](const HttpExchangePtr& exchange) {
    exchange->stream_body({[exchange](std::string_view) {
                             exchange->abort();
                             EXPECT_TRUE(exchange->closed());
                           },
                           [] { FAIL(); }, [](const Error&) {}});
  });
  RawClient client = connect();
  client.send(post("/", "hello"));
  client.expect_close();
  EXPECT_TRUE(client.broken);
  run_until(loop, [&] { return server->connections() == 0; });
}

TEST_F(HttpServerBodyTest, DestroyingTheServerInASink) {
  open([&](const HttpExchangePtr& exchange) {
    exchange->stream_body({[this, exchange](std::string_view) { server.reset(); }, [] { FAIL(); },
                           [](const Error&) { FAIL(); }});
  });
  RawClient client = connect();
  client.send(post("/", "hello"));
  client.expect_close();
}

TEST_F(HttpServerBodyTest, DestroyingTheServerWhenABodyBreaks) {
  HttpExchangePtr kept;
  open([&](HttpExchangePtr exchange) {
    kept = std::move(exchange);
    kept->on_closed([] { FAIL(); });
    kept->stream_body({[](std::string_view) {}, [] {}, [this](const Error&) { server.reset(); }});
  });
  RawClient client = connect();
  client.send(post("/", "hello").substr(0, 50));
  run_until(loop, [&] { return kept != nullptr; });
  client.disconnect();
  run_until(loop, [&] { return server == nullptr; });
  EXPECT_TRUE(kept->closed());
}

}  // namespace
}  // namespace kachery
