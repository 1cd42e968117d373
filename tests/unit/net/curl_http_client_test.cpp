// Calls that go well, streams, redirects, and what their callbacks may do.
#include "reactor/listener.h"
#include "unit/net/client_fixture.h"

namespace kachery {
namespace {

using testing::CurlHttpClientTest;
using testing::file_with;
using testing::noise;
using testing::run_until;
using testing::settle;

TEST_F(CurlHttpClientTest, Fetches) {
  open([](const HttpExchangePtr& exchange) {
    EXPECT_EQ(exchange->head().method, "GET");
    EXPECT_EQ(exchange->head().target, "/a?b=c");
    EXPECT_EQ(*exchange->head().header("user-agent"), "kachery-p2p/1.2.3");
    EXPECT_EQ(*exchange->head().header("x-more"), "yes");
    EXPECT_EQ(exchange->head().header("expect"), nullptr);
    exchange->respond(418, {{"X-Answer", " spaced "}}, "teapot");
  });
  HttpRequest asked = request("/a?b=c");
  asked.headers = {"X-More: yes"};
  const auto response = fetch(asked);
  ASSERT_TRUE(response.has_value()) << response.error().message;
  EXPECT_EQ(response->status, 418);
  EXPECT_EQ(response->body, "teapot");
  ASSERT_NE(response->header("x-answer"), nullptr);
  EXPECT_EQ(*response->header("x-answer"), "spaced");
  EXPECT_EQ(response->header("x-other"), nullptr);
  EXPECT_EQ(client->bytes_received(), server->bytes_sent());
  EXPECT_EQ(client->bytes_sent(), server->bytes_received());
}

TEST_F(CurlHttpClientTest, PostsBodies) {
  open([](const HttpExchangePtr& exchange) {
    EXPECT_EQ(exchange->head().header("expect"), nullptr);
    const std::string* const type = exchange->head().header("content-type");
    const std::string named = type != nullptr ? *type : "none";
    exchange->collect_body(10u << 20, [exchange, named](const std::string& body) {
      exchange->respond_text(200, exchange->head().method + " " + named + " " + body);
    });
  });
  const std::string big = noise(3u << 20);
  HttpRequest asked = request();
  asked.method = "POST";
  asked.body = big;
  EXPECT_EQ(fetch(asked)->body, "POST none " + big);
  asked.body.clear();
  EXPECT_EQ(fetch(asked)->body, "POST none ");
  asked.headers = {"Content-Type: application/json"};
  asked.body = "{}";
  EXPECT_EQ(fetch(asked)->body, "POST application/json {}");
  asked.method = "PUT";
  EXPECT_EQ(fetch(asked)->body, "PUT application/json {}");
  asked.method = "GET";
  EXPECT_EQ(fetch(asked)->body, "GET application/json {}");
  asked.method = "DELETE";
  asked.body.clear();
  EXPECT_EQ(fetch(asked)->body, "DELETE application/json ");
}

TEST_F(CurlHttpClientTest, Head) {
  open([](const HttpExchangePtr& exchange) { exchange->respond_text(200, std::string(100, 'x')); });
  HttpRequest asked = request();
  asked.method = "HEAD";
  asked.max_body_bytes = 10;
  const auto response = fetch(asked);
  ASSERT_TRUE(response.has_value()) << response.error().message;
  EXPECT_EQ(*response->header("content-length"), "100");
  EXPECT_EQ(response->body, "");
}

TEST_F(CurlHttpClientTest, ReusesItsConnection) {
  open([](const HttpExchangePtr& exchange) { exchange->respond_text(200, "ok"); });
  for (int i = 0; i < 10; ++i) EXPECT_EQ(fetch(request())->body, "ok");
  EXPECT_EQ(server->connections(), 1u);
}

TEST_F(CurlHttpClientTest, SeveralAtOnce) {
  open([](const HttpExchangePtr& exchange) { exchange->respond_text(200, exchange->head().path); });
  std::vector<HttpCallPtr> calls;
  int done = 0;
  for (int i = 0; i < 30; ++i) {
    const std::string path = "/" + std::to_string(i);
    calls.push_back(client->fetch(request(path), [&, path](const Result<HttpResponse>& response) {
      ++done;
      ASSERT_TRUE(response.has_value());
      EXPECT_EQ(response->body, path);
    }));
  }
  run_until(loop, [&] { return done == 30; });
}

// ---- streams

TEST_F(CurlHttpClientTest, Streams) {
  const std::string content = noise(20u << 20);
  open([&](const HttpExchangePtr& exchange) {
    exchange->respond_file(200, {}, file_with(content), 0, content.size(), {});
  });
  Streamed streamed;
  const auto call = client->stream(request(), streamed.receiver());
  run_until(loop, [&] { return streamed.done.has_value(); });
  ASSERT_TRUE(streamed.done->has_value()) << streamed.done->error().message;
  EXPECT_EQ(streamed.status, 200);
  EXPECT_TRUE(streamed.body == content);
  EXPECT_GT(streamed.largest_piece, 16u << 10);
  EXPECT_LE(streamed.largest_piece, 512u << 10);
}

TEST_F(CurlHttpClientTest, StreamsSideBySide) {
  const std::string content = noise(6u << 20);
  open([&](const HttpExchangePtr& exchange) {
    exchange->respond_file(200, {}, file_with(content), 0, content.size(), {});
  });
  Streamed streamed[5];
  std::vector<HttpCallPtr> calls;
  for (Streamed& one : streamed) calls.push_back(client->stream(request(), one.receiver()));
  run_until(loop, [&] {
    return std::all_of(std::begin(streamed), std::end(streamed), [](const Streamed& s) { return s.done; });
  });
  for (const Streamed& one : streamed) EXPECT_TRUE(one.body == content);
}

TEST_F(CurlHttpClientTest, HeadOfAStreamComesBeforeItsBody) {
  HttpExchangePtr exchange;
  open([&](HttpExchangePtr with) {
    exchange = std::move(with);
    exchange->start(202, {{"X", "y"}});
  });
  Streamed streamed;
  const auto call = client->stream(request(), streamed.receiver());
  run_until(loop, [&] { return streamed.status == 202; });
  exchange->write("first");
  run_until(loop, [&] { return streamed.body == "first"; });
  exchange->finish();
  run_until(loop, [&] { return streamed.done.has_value(); });
  EXPECT_TRUE(streamed.done->has_value());
}

TEST_F(CurlHttpClientTest, EmptyStream) {
  open([](const HttpExchangePtr& exchange) { exchange->respond_text(200, ""); });
  Streamed streamed;
  const auto call = client->stream(request(), streamed.receiver());
  run_until(loop, [&] { return streamed.done.has_value(); });
  EXPECT_TRUE(streamed.done->has_value());
  EXPECT_EQ(streamed.status, 200);
}

TEST_F(CurlHttpClientTest, PausingStopsTheServerAndLosesNothing) {
  const std::string content = noise(32u << 20);
  std::uint64_t served = 0;
  open([&](const HttpExchangePtr& exchange) {
    exchange->respond_file(200, {}, file_with(content), 0, content.size(),
                           [&](std::uint64_t n) { served = n; });
  });
  std::string body;
  std::optional<Status> done;
  HttpCallPtr call;
  bool paused = false;
  call = client->stream(request(), {{},
                                    [&](std::string_view piece) {
                                      EXPECT_FALSE(paused);
                                      body += piece;
                                      if (body.size() >= 1u << 20) {
                                        paused = true;
                                        call->pause(true);
                                      }
                                      return true;
                                    },
                                    [&](Status result) { done = std::move(result); }});
  int resumed = 0;
  while (!done) {
    run_until(loop, [&] { return paused || done; });
    if (!paused) continue;
    settle(loop, 50);
    EXPECT_FALSE(done);
    if (resumed == 0) {
      EXPECT_LT(body.size(), 2u << 20);
      EXPECT_EQ(served, 0u);
    }
    ++resumed;
    paused = false;
    call->pause(false);
    if (body.size() < 3u << 20) continue;
  }
  ASSERT_TRUE(done->has_value());
  EXPECT_GT(resumed, 10);
  EXPECT_TRUE(body == content);
}

TEST_F(CurlHttpClientTest, DoneWaitsWhilePaused) {
  open([](const HttpExchangePtr& exchange) { exchange->respond_text(200, "all at once"); });
  Streamed streamed;
  HttpCallPtr call;
  auto receiver = streamed.receiver();
  receiver.head = [&](const HttpResponse& head) {
    streamed.status = head.status;
    call->pause(true);
    return true;
  };
  call = client->stream(request(), receiver);
  run_until(loop, [&] { return streamed.status == 200; });
  settle(loop, 50);
  EXPECT_EQ(streamed.body, "");
  EXPECT_FALSE(streamed.done);
  call->pause(false);
  EXPECT_EQ(streamed.body, "");  // later, from the loop
  run_until(loop, [&] { return streamed.done.has_value(); });
  EXPECT_TRUE(streamed.done->has_value());
  EXPECT_EQ(streamed.body, "all at once");
}

TEST_F(CurlHttpClientTest, RefusingTheHeadOrAPieceCancels) {
  open([](const HttpExchangePtr& exchange) { exchange->respond_text(200, std::string(1'000'000, 'x')); });
  for (const bool at_head : {true, false}) {
    Streamed streamed;
    auto receiver = streamed.receiver();
    if (at_head) {
      receiver.head = [](const HttpResponse&) { return false; };
      receiver.data = [](std::string_view) {
        ADD_FAILURE();
        return true;
      };
    } else {
      receiver.data = [&](std::string_view piece) {
        streamed.body += piece;
        return false;
      };
    }
    const auto call = client->stream(request(), receiver);
    run_until(loop, [&] { return streamed.done.has_value(); });
    ASSERT_FALSE(streamed.done->has_value());
    EXPECT_EQ(streamed.done->error().code, Errc::cancelled);
    EXPECT_LT(streamed.body.size(), 1'000'000u);
  }
}

// ---- redirects

TEST_F(CurlHttpClientTest, Redirects) {
  open([this](const HttpExchangePtr& exchange) {
    const std::string& path = exchange->head().path;
    const auto to = [&](const std::string& target) {
      exchange->respond(302, {{"Location", target}, {"X-Hop", "yes"}}, "moved");
    };
    if (path == "/once") return to("/end");
    if (path == "/absolute") return to(url("/end"));
    if (path == "/for-ever") return to("/for-ever");
    if (path == "/elsewhere") return to("ftp://127.0.0.1/");
    if (path == "/file") return to("file:///etc/passwd");
    exchange->respond_text(200, "the end");
  });
  HttpRequest asked = request("/once");
  auto response = fetch(asked);
  EXPECT_EQ(response->status, 302);
  EXPECT_EQ(response->body, "moved");
  asked.follow_redirects = true;
  response = fetch(asked);
  ASSERT_TRUE(response.has_value()) << response.error().message;
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "the end");
  EXPECT_EQ(response->header("x-hop"), nullptr);
  asked.url = url("/absolute");
  EXPECT_EQ(fetch(asked)->body, "the end");
  for (const std::string path : {"/for-ever", "/elsewhere", "/file"}) {
    asked.url = url(path);
    response = fetch(asked);
    ASSERT_FALSE(response.has_value()) << path;
    EXPECT_EQ(response.error().code, Errc::protocol) << response.error().message;
  }
  asked.url = url("/once");
  Streamed streamed;
  const auto call = client->stream(asked, streamed.receiver());
  run_until(loop, [&] { return streamed.done.has_value(); });
  EXPECT_EQ(streamed.status, 200);
  EXPECT_EQ(streamed.body, "the end");
}

// ---- destroying calls

TEST_F(CurlHttpClientTest, DestroyedCallsStaySilent) {
  open([](const HttpExchangePtr& exchange) { exchange->respond_text(200, "ok"); });
  auto call = client->fetch(request(), [](const Result<HttpResponse>&) { FAIL(); });
  call.reset();
  HttpRequest bad;
  bad.url = "nonsense";
  call = client->fetch(bad, [](const Result<HttpResponse>&) { FAIL(); });
  call.reset();
  settle(loop, 50);
  EXPECT_EQ(fetch(request())->body, "ok");
}

TEST_F(CurlHttpClientTest, CallsMayBeDestroyedInTheirCallbacks) {
  const std::string content = noise(2u << 20);
  open([&](const HttpExchangePtr& exchange) {
    exchange->respond_file(200, {}, file_with(content), 0, content.size(), {});
  });
  for (const int where : {0, 1, 2}) {
    HttpCallPtr call;
    bool destroyed = false;
    const std::string padding(100, 'x');
    const auto destroy = [&, padding](int here) {
      EXPECT_FALSE(destroyed);
      if (here != where) return true;
      destroyed = true;
      call.reset();
      EXPECT_EQ(padding, std::string(100, 'x'));
      return true;
    };
    call = client->stream(request(),
                          {[&](const HttpResponse&) { return destroy(0); },
                           [&](std::string_view) { return destroy(1); }, [&](const Status&) { destroy(2); }});
    run_until(loop, [&] { return destroyed; });
    settle(loop, 50);
  }
  HttpCallPtr call;
  bool done = false;
  call = client->fetch(request(), [&](const Result<HttpResponse>&) {
    done = true;
    call.reset();
  });
  run_until(loop, [&] { return done; });
}

TEST_F(CurlHttpClientTest, OneCallbackMayDestroyAllCallsAndBeginOthers) {
  const std::string content = noise(1u << 20);
  open([&](const HttpExchangePtr& exchange) {
    exchange->respond_file(200, {}, file_with(content), 0, content.size(), {});
  });
  std::vector<HttpCallPtr> calls;
  std::vector<HttpCallPtr> next;
  int pieces = 0;
  int done = 0;
  for (int i = 0; i < 10; ++i) {
    calls.push_back(client->stream(request(), {{},
                                               [&](std::string_view) {
                                                 EXPECT_EQ(++pieces, 1);
                                                 calls.clear();
                                                 next.push_back(client->fetch(
                                                     request(), [&](const Result<HttpResponse>& response) {
                                                       EXPECT_TRUE(response.has_value());
                                                       ++done;
                                                     }));
                                                 return true;
                                               },
                                               [](const Status&) { FAIL(); }}));
  }
  run_until(loop, [&] { return done == 1; });
}

TEST_F(CurlHttpClientTest, CallbacksMayDestroyTheClient) {
  open([](const HttpExchangePtr& exchange) { exchange->respond_text(200, "hello"); });
  for (const bool in_data : {true, false}) {
    client = make_curl_http_client(loop);
    HttpCallPtr call;
    bool destroyed = false;
    const auto destroy = [&] {
      call.reset();
      client.reset();
      destroyed = true;
    };
    call = client->stream(request(), {{},
                                      [&](std::string_view) {
                                        if (in_data) destroy();
                                        return true;
                                      },
                                      [&](const Status&) { destroy(); }});
    run_until(loop, [&] { return destroyed; });
    settle(loop, 50);
  }
}

// What the callbacks hold may own the call: its end breaks the circle.
TEST_F(CurlHttpClientTest, FinishedCallsLetGoOfTheirCallbacks) {
  open([](const HttpExchangePtr& exchange) { exchange->respond_text(200, "hello"); });
  struct Owner {
    HttpCallPtr call;
    bool done = false;
  };
  auto owner = std::make_shared<Owner>();
  const std::weak_ptr<Owner> weak = owner;
  owner->call = client->fetch(request(), [owner](const Result<HttpResponse>&) { owner->done = true; });
  run_until(loop, [&] { return owner->done; });
  settle(loop);
  owner.reset();
  EXPECT_TRUE(weak.expired());
}

}  // namespace
}  // namespace kachery
