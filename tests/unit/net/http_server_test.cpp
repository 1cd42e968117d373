// The server's conversation: requests, responses, keep-alive, refusals.
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

class HttpServerTest : public testing::ServerTest {};

void answer_with_path(const HttpExchangePtr& exchange) {
  exchange->respond_text(200, exchange->head().method + " " + exchange->head().target);
}

TEST_F(HttpServerTest, AnswersARequest) {
  open([](const HttpExchangePtr& exchange) {
    EXPECT_EQ(exchange->peer_address(), "127.0.0.1");
    EXPECT_FALSE(exchange->responded());
    exchange->respond(201, {{"X-Test", "yes"}, {"Content-Length", "999"}}, "hello");
    EXPECT_TRUE(exchange->responded());
    EXPECT_FALSE(exchange->closed());
  });
  const RawResponse response = ask(get("/"));
  EXPECT_EQ(response.status, 201);
  EXPECT_EQ(response.body, "hello");
  EXPECT_EQ(response.rest, "");
  EXPECT_TRUE(response.head.starts_with("HTTP/1.1 201 Created\r\nX-Test: yes\r\nDate: "));
  EXPECT_NE(response.head.find(" GMT\r\nContent-Length: 5\r\n\r\n"), std::string::npos) << response.head;
  EXPECT_EQ(server->bytes_sent(), response.head.size() + 5);
  EXPECT_EQ(server->bytes_received(), get("/").size());
}

TEST_F(HttpServerTest, AnswersJson) {
  open([](const HttpExchangePtr& exchange) { exchange->respond_json(200, Json::object({{"a", 1}})); });
  const RawResponse response = ask(get("/"));
  EXPECT_EQ(response.body, "{\"a\":1}");
  EXPECT_NE(response.head.find("Content-Type: application/json\r\n"), std::string::npos);
}

TEST_F(HttpServerTest, HeadsMayComeByteByByte) {
  open(answer_with_path);
  RawClient client = connect();
  for (const char c : get("/slow")) {
    client.send({&c, 1});
    loop.run_once();
  }
  client.expect("GET /slow");
}

TEST_F(HttpServerTest, KeepsTheConnectionAlive) {
  open(answer_with_path);
  RawClient client = connect();
  for (int i = 0; i < 5; ++i) {
    client.send(get("/" + std::to_string(i)));
    client.expect("GET /" + std::to_string(i));
  }
  EXPECT_FALSE(client.closed);
  EXPECT_EQ(server->connections(), 1u);
}

TEST_F(HttpServerTest, PipelinedRequestsAreAnsweredInOrderAndOneAtATime) {
  std::vector<HttpExchangePtr> waiting;
  open([&](HttpExchangePtr exchange) { waiting.push_back(std::move(exchange)); });
  RawClient client = connect();
  client.send(get("/1") + post("/2", "body") + get("/3"));
  for (const std::string path : {"/1", "/2", "/3"}) {
    run_until(loop, [&] { return !waiting.empty(); });
    settle(loop);
    ASSERT_EQ(waiting.size(), 1u);  // the next one waits for this answer
    EXPECT_EQ(waiting[0]->head().path, path);
    waiting[0]->respond_text(200, "answer to " + path);
    waiting.clear();
    client.expect("answer to " + path);
  }
  EXPECT_LT(client.received.find("/1"), client.received.find("/2"));
}

TEST_F(HttpServerTest, ManyPipelinedRequestsAnsweredAtOnce) {
  open(answer_with_path);
  RawClient client = connect();
  std::string all;
  for (int i = 0; i < 2'000; ++i) all += get("/" + std::to_string(i));
  client.send(all);
  client.expect("GET /1999");
  std::string next = client.received;
  for (int i = 0; i < 2'000; ++i) {
    const RawResponse response = parse_response(next);
    ASSERT_EQ(response.body, "GET /" + std::to_string(i));
    next = response.rest;
  }
  EXPECT_EQ(next, "");
}

TEST_F(HttpServerTest, HeadGetsTheHeadOnly) {
  open([](const HttpExchangePtr& exchange) {
    if (exchange->head().path == "/chunked") {
      exchange->start(200, {});
      exchange->write("not sent");
      exchange->finish();
    } else {
      exchange->respond_text(200, "hello");
    }
  });
  RawClient client = connect();
  client.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\nHEAD /chunked HTTP/1.1\r\nHost: h\r\n\r\n" + get("/"));
  client.expect("\r\n\r\nhello");
  const RawResponse first = parse_response(client.received, true);
  EXPECT_NE(first.head.find("Content-Length: 5\r\n"), std::string::npos);
  const RawResponse second = parse_response(first.rest, true);
  EXPECT_NE(second.head.find("Transfer-Encoding: chunked\r\n"), std::string::npos);
  EXPECT_EQ(parse_response(second.rest).body, "hello");
}

TEST_F(HttpServerTest, NoContentHasNoBody) {
  open([](const HttpExchangePtr& exchange) {
    exchange->respond(204, std::vector<http1::Header>{}, "ignored");
  });
  RawClient client = connect();
  client.send(get("/") + get("/"));
  run_until(loop, [&] { return parse_response(parse_response(client.received).rest).whole; });
  EXPECT_EQ(parse_response(client.received).head.find("Content-Length"), std::string::npos);
  EXPECT_EQ(parse_response(parse_response(client.received).rest).rest, "");
}

TEST_F(HttpServerTest, ClosesWhenAskedTo) {
  open(answer_with_path);
  RawClient client = connect();
  client.send(get("/x", "Connection: close\r\n") + get("/never"));
  client.expect_close();
  const RawResponse response = parse_response(client.received);
  EXPECT_TRUE(response.whole);
  EXPECT_EQ(response.rest, "");
  EXPECT_NE(response.head.find("Connection: close\r\n"), std::string::npos);
  EXPECT_FALSE(client.broken);
  client.disconnect();
  run_until(loop, [&] { return server->connections() == 0; });
}

TEST_F(HttpServerTest, SpeaksToHttp10Clients) {
  open([](const HttpExchangePtr& exchange) {
    if (exchange->head().path == "/stream") {
      exchange->start(200, {});
      exchange->write("a");
      exchange->write("b");
      exchange->finish();
    } else {
      answer_with_path(exchange);
    }
  });
  RawClient plain = connect();
  plain.send("GET /x HTTP/1.0\r\n\r\n");
  plain.expect_close();
  EXPECT_EQ(parse_response(plain.received).body, "GET /x");

  RawClient kept = connect();
  kept.send("GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  kept.expect("GET /1");
  EXPECT_NE(kept.received.find("Connection: keep-alive\r\n"), std::string::npos);
  kept.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  kept.expect_close();
  const RawResponse streamed = parse_response(parse_response(kept.received).rest);
  EXPECT_EQ(streamed.body, "ab");  // neither chunked nor counted: ended by the close
  EXPECT_NE(streamed.head.find("Connection: close\r\n"), std::string::npos);
}

TEST_F(HttpServerTest, HalfClosedClientsGetTheirResponses) {
  std::vector<HttpExchangePtr> waiting;
  open([&](HttpExchangePtr exchange) { waiting.push_back(std::move(exchange)); });
  RawClient client = connect();
  client.send(get("/1") + get("/2"));
  client.shut_down_sending();
  for (int i = 1; i <= 2; ++i) {
    run_until(loop, [&] { return !waiting.empty(); });
    settle(loop);
    EXPECT_FALSE(waiting[0]->closed());
    waiting[0]->respond_text(200, "answer " + std::to_string(i));
    waiting.clear();
  }
  client.expect_close();
  EXPECT_NE(client.received.find("answer 1"), std::string::npos);
  EXPECT_NE(client.received.find("answer 2"), std::string::npos);
  run_until(loop, [&] { return server->connections() == 0; });
}

TEST_F(HttpServerTest, MalformedRequestsAreRefusedAndTheirConnectionsClosed) {
  open([](const HttpExchangePtr&) { FAIL(); });
  const struct {
    int status;
    std::string text;
  } cases[] = {
      {400, "rubbish\r\n\r\n"},
      {400, "GET / HTTP/1.1\n\n"},
      {400, "\x16\x03\x01"},
      {400, "GET / HTTP/1.1\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {501, "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"},
      {505, "GET / HTTP/3.0\r\nHost: h\r\n\r\n"},
      {417, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nExpect: x\r\n\r\n"},
      {414, "GET /" + std::string(100'000, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n"},
      {431, get("/", "X: " + std::string(100'000, 'a') + "\r\n")},
  };
  for (const auto& test : cases) {
    RawClient client = connect();
    client.send(test.text + get("/never"));
    client.expect_close();
    EXPECT_FALSE(client.broken) << test.text;
    const RawResponse response = parse_response(client.received);
    EXPECT_EQ(response.status, test.status) << test.text.substr(0, 100);
    EXPECT_TRUE(response.whole);
    EXPECT_FALSE(response.body.empty());
    EXPECT_EQ(response.rest, "");
  }
}

TEST_F(HttpServerTest, UnansweredExchangesGet500) {
  open([](const HttpExchangePtr&) {});
  const RawResponse response = ask(get("/") + get("/"));
  EXPECT_EQ(response.status, 500);
}

TEST_F(HttpServerTest, ExchangesAreSpentAfterTheirResponse) {
  HttpExchangePtr old;
  open([&](const HttpExchangePtr& exchange) {
    if (exchange->head().path == "/1") old = exchange;
    answer_with_path(exchange);
  });
  RawClient client = connect();
  client.send(get("/1"));
  client.expect("GET /1");
  settle(loop);
  EXPECT_TRUE(old->closed());
  EXPECT_TRUE(old->responded());
  EXPECT_EQ(old->head().path, "/1");
  old->respond_text(200, "twice");
  old->start(200, {});
  old->write("twice");
  old->finish();
  old->abort();
  old->collect_body(10, [](const std::string&) { FAIL(); });
  old->on_closed([] { FAIL(); });
  EXPECT_EQ(old->unsent(), 0u);
  client.send(get("/2"));
  client.expect("GET /2");
  client.disconnect();
  run_until(loop, [&] { return server->connections() == 0; });
}

TEST_F(HttpServerTest, OnlyTheFirstResponseCounts) {
  open([&](const HttpExchangePtr& exchange) {
    exchange->respond_text(200, "first");
    exchange->respond_text(200, "second");
    exchange->start(200, {});
    exchange->write("third");
    exchange->finish();
  });
  RawClient client = connect();
  client.send(get("/") + get("/"));
  run_until(loop, [&] { return parse_response(parse_response(client.received).rest).whole; });
  EXPECT_EQ(client.received.find("second"), std::string::npos);
  EXPECT_EQ(client.received.find("third"), std::string::npos);
}

TEST_F(HttpServerTest, ConnectionLimitPausesAccepting) {
  HttpServerLimits limits = ample_limits();
  limits.connections = 2;
  open(answer_with_path, limits);
  RawClient first = connect();
  RawClient second = connect();
  RawClient third = connect();
  third.send(get("/third"));
  settle(loop);
  EXPECT_EQ(server->connections(), 2u);
  EXPECT_EQ(third.received, "");
  first.disconnect();
  third.expect("GET /third");
  EXPECT_EQ(server->connections(), 2u);
}

TEST_F(HttpServerTest, DrainsGracefully) {
  std::vector<HttpExchangePtr> waiting;
  open([&](HttpExchangePtr exchange) { waiting.push_back(std::move(exchange)); });
  RawClient idle = connect();
  RawClient half = connect();
  half.send("GET / HT");
  RawClient busy = connect();
  busy.send(get("/busy") + get("/next"));
  run_until(loop, [&] { return waiting.size() == 1 && server->connections() == 3; });
  bool drained = false;
  server->drain([&] { drained = true; });
  idle.expect_close();
  half.expect_close();
  settle(loop);
  EXPECT_FALSE(drained);
  EXPECT_EQ(server->connections(), 1u);
  waiting[0]->respond_text(200, "goodbye");
  busy.expect_close();
  EXPECT_NE(busy.received.find("Connection: close\r\n"), std::string::npos);
  EXPECT_NE(busy.received.find("goodbye"), std::string::npos);
  busy.disconnect();
  run_until(loop, [&] { return drained; });
  EXPECT_EQ(waiting.size(), 1u);  // the pipelined one was never begun
  EXPECT_EQ(server->connections(), 0u);
}

TEST_F(HttpServerTest, DrainingAnIdleServerIsReportedLater) {
  open(answer_with_path);
  bool drained = false;
  server->drain([&] { drained = true; });
  EXPECT_FALSE(drained);
  run_until(loop, [&] { return drained; });
}

TEST_F(HttpServerTest, DestroyingItClosesEverythingSilently) {
  std::vector<HttpExchangePtr> waiting;
  open([&](HttpExchangePtr exchange) {
    exchange->on_closed([] { FAIL(); });
    exchange->stream_body({[](std::string_view) {}, [] {}, [](const Error&) { FAIL(); }});
    waiting.push_back(std::move(exchange));
  });
  RawClient client = connect();
  client.send(post("/", "12345").substr(0, 60));
  RawClient idle = connect();
  run_until(loop, [&] { return waiting.size() == 1; });
  server.reset();
  client.expect_close();
  idle.expect_close();
  EXPECT_TRUE(waiting[0]->closed());
  waiting[0]->respond_text(200, "too late");
  settle(loop);
}

TEST_F(HttpServerTest, HandlersMayDestroyTheServer) {
  open([&](const HttpExchangePtr& exchange) {
    server.reset();
    exchange->respond_text(200, "too late");
  });
  RawClient client = connect();
  client.send(get("/") + get("/"));
  client.expect_close();
  EXPECT_EQ(client.received, "");
}

// ---- time-outs

HttpServerLimits impatient() {
  HttpServerLimits out = ample_limits();
  out.head_timeout = out.body_idle_timeout = out.keep_alive_timeout = out.write_idle_timeout =
      out.linger_timeout = milliseconds(60'000);
  return out;
}

TEST_F(HttpServerTest, SlowHeadsTimeOut) {
  HttpServerLimits limits = impatient();
  limits.head_timeout = milliseconds(40);
  open([](const HttpExchangePtr&) { FAIL(); }, limits);
  RawClient client = connect();
  client.send("GET / HTTP/1.1\r\n");
  // A byte now and then does not help.
  std::vector<Scheduler::TimerPtr> drips;
  for (int i = 1; i < 100; ++i) {
    drips.push_back(loop.after(milliseconds(10 * i), [&] {
      if (!client.closed) client.send("X");
    }));
  }
  client.expect_close();
  EXPECT_EQ(parse_response(client.received).status, 408);
}

TEST_F(HttpServerTest, IdleConnectionsAreClosed) {
  HttpServerLimits limits = impatient();
  limits.keep_alive_timeout = milliseconds(40);
  open(answer_with_path, limits);
  RawClient silent = connect();
  RawClient used = connect();
  used.send(get("/"));
  silent.expect_close();
  used.expect_close();
  EXPECT_EQ(silent.received, "");
  EXPECT_EQ(parse_response(used.received).status, 200);
  EXPECT_EQ(parse_response(used.received).rest, "");
}

TEST_F(HttpServerTest, LingeringConnectionsAreClosed) {
  HttpServerLimits limits = impatient();
  limits.linger_timeout = milliseconds(40);
  open(answer_with_path, limits);
  RawClient client = connect();
  client.send(get("/", "Connection: close\r\n"));
  client.expect_close();
  EXPECT_EQ(server->connections(), 1u);  // until the client has closed too
  run_until(loop, [&] { return server->connections() == 0; });
}

TEST_F(HttpServerTest, WaitingForTheHandlerHasNoTimeOut) {
  HttpServerLimits limits = impatient();
  limits.head_timeout = limits.body_idle_timeout = limits.keep_alive_timeout = limits.write_idle_timeout =
      milliseconds(20);
  HttpExchangePtr waiting;
  open([&](HttpExchangePtr exchange) { waiting = std::move(exchange); }, limits);
  RawClient client = connect();
  client.send(get("/"));
  bool waited = false;
  const auto timer = loop.after(milliseconds(150), [&] { waited = true; });
  run_until(loop, [&] { return waited; });
  ASSERT_FALSE(waiting->closed());
  waiting->respond_text(200, "at last");
  client.expect("at last");
}

}  // namespace
}  // namespace kachery
