#include "net/curl_http_client.h"

#include "reactor/listener.h"
#include "unit/net/server_fixture.h"

namespace kachery {
namespace {

using testing::file_with;
using testing::noise;
using testing::run_until;
using testing::settle;

class CurlHttpClientTest : public testing::ServerTest {
 protected:
  std::string url(std::string_view path = "/") const {
    return "http://127.0.0.1:" + std::to_string(server->port()) + std::string(path);
  }
  std::string peer() const { return "127.0.0.1 port " + std::to_string(server->port()); }

  Result<HttpResponse> fetch(HttpRequest request) {
    std::optional<Result<HttpResponse>> out;
    bool within = true;
    const auto call = client->fetch(std::move(request), [&](Result<HttpResponse> result) {
      EXPECT_FALSE(within);
      EXPECT_FALSE(out);
      out = std::move(result);
    });
    within = false;
    run_until(loop, [&] { return out.has_value(); });
    settle(loop);
    return *std::move(out);
  }
  HttpRequest request(std::string_view path = "/") const {
    HttpRequest out;
    out.url = url(path);
    return out;
  }

  struct Streamed {
    int status = 0;
    std::string body;
    std::size_t largest_piece = 0;
    std::optional<Status> done;

    HttpClient::Stream receiver() {
      return {[this](const HttpResponse& head) {
                EXPECT_EQ(status, 0);
                EXPECT_EQ(head.body, "");
                status = head.status;
                return true;
              },
              [this](std::string_view piece) {
                EXPECT_NE(status, 0);
                EXPECT_FALSE(piece.empty());
                body += piece;
                largest_piece = std::max(largest_piece, piece.size());
                return true;
              },
              [this](Status result) {
                EXPECT_FALSE(done);
                done = std::move(result);
              }};
    }
  };

  std::unique_ptr<HttpClient> client = make_curl_http_client(loop, "kachery-p2p/1.2.3");
};

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

// ---- failures

TEST_F(CurlHttpClientTest, RefusedConnection) {
  open([](const HttpExchangePtr&) {});
  const HttpRequest asked = request();
  const std::string expected = "could not connect to " + peer() + ": Connection refused";
  server.reset();
  const auto response = fetch(asked);
  ASSERT_FALSE(response.has_value());
  EXPECT_EQ(response.error().code, Errc::unreachable);
  EXPECT_EQ(response.error().message, expected);
}

TEST_F(CurlHttpClientTest, ConnectTimeOut) {
  // A queue of connections that is full: further ones get no answer.
  const UniqueFd deaf(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ASSERT_EQ(::bind(deaf.get(), reinterpret_cast<const sockaddr*>(&address), length), 0);
  ASSERT_EQ(::listen(deaf.get(), 0), 0);
  ASSERT_EQ(::getsockname(deaf.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
  std::vector<UniqueFd> fillers;
  for (int i = 0; i < 4; ++i) {
    fillers.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    ::connect(fillers.back().get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  HttpRequest asked;
  asked.url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/";
  asked.connect_timeout = milliseconds(50);
  const auto response = fetch(asked);
  ASSERT_FALSE(response.has_value());
  EXPECT_EQ(response.error().code, Errc::unreachable);
  EXPECT_NE(response.error().message.find(" within 50 ms"), std::string::npos) << response.error().message;
}

TEST_F(CurlHttpClientTest, BadUrls) {
  for (const std::string bad : {"", "x", "ftp://127.0.0.1/", "file:///etc/passwd", "http://", "http://a b/",
                                "//127.0.0.1/", "http://127.0.0.1:99999/"}) {
    HttpRequest asked;
    asked.url = bad;
    const auto response = fetch(asked);
    ASSERT_FALSE(response.has_value()) << bad;
    EXPECT_EQ(response.error().code, Errc::invalid) << bad << response.error().message;
  }
  open([](const HttpExchangePtr&) { FAIL(); });
  HttpRequest asked = request();
  asked.headers = {"X: a\r\nY: b"};
  EXPECT_EQ(fetch(asked).error().code, Errc::invalid);
}

TEST_F(CurlHttpClientTest, UnknownHost) {
  HttpRequest asked;
  asked.url = "http://no-such-host.invalid/";
  const auto response = fetch(asked);
  ASSERT_FALSE(response.has_value());
  EXPECT_EQ(response.error().code, Errc::unreachable);
  EXPECT_NE(response.error().message.find("no-such-host.invalid"), std::string::npos);
}

TEST_F(CurlHttpClientTest, TooLargeBodies) {
  HttpExchangePtr kept;
  open([&](HttpExchangePtr exchange) {
    if (exchange->head().path == "/endless") {
      kept = std::move(exchange);
      kept->start(200, {});
      kept->write(std::string(101, 'x'));
    } else {
      exchange->respond_text(200, std::string(exchange->head().path == "/fits" ? 100 : 101, 'x'));
    }
  });
  for (const std::string path : {"/counted", "/endless"}) {
    HttpRequest asked = request(path);
    asked.max_body_bytes = 100;
    const auto response = fetch(asked);
    ASSERT_FALSE(response.has_value()) << path;
    EXPECT_EQ(response.error().code, Errc::too_large) << response.error().message;
  }
  HttpRequest asked = request("/fits");
  asked.max_body_bytes = 100;
  EXPECT_EQ(fetch(asked)->body.size(), 100u);
}

TEST_F(CurlHttpClientTest, ShortBodies) {
  open([](const HttpExchangePtr& exchange) {
    exchange->respond_file(200, {}, file_with("12345"), 0, 10, {});
  });
  const auto response = fetch(request());
  ASSERT_FALSE(response.has_value());
  EXPECT_EQ(response.error().code, Errc::unreachable);
  EXPECT_EQ(response.error().message, "the connection to " + peer() + " ended after 5 of 10 bytes");
  Streamed streamed;
  const auto call = client->stream(request(), streamed.receiver());
  run_until(loop, [&] { return streamed.done.has_value(); });
  EXPECT_EQ(streamed.body, "12345");
  ASSERT_FALSE(streamed.done->has_value());
  EXPECT_EQ(streamed.done->error().code, Errc::unreachable);
}

TEST_F(CurlHttpClientTest, BrokenChunkedBodies) {
  open([](const HttpExchangePtr& exchange) {
    exchange->start(200, {});
    exchange->write("12345");
  });
  Streamed streamed;
  const auto call = client->stream(request(), streamed.receiver());
  run_until(loop, [&] { return streamed.done.has_value(); });
  ASSERT_FALSE(streamed.done->has_value());
  EXPECT_EQ(streamed.done->error().code, Errc::unreachable) << streamed.done->error().message;
}

// A server that says something else than HTTP, or nothing.
TEST_F(CurlHttpClientTest, AnswersThatAreNoHttp) {
  std::string answer;
  UniqueFd connection;
  std::optional<IoWatch> watch;
  const auto listener = Listener::open(loop, "127.0.0.1", 0, [&](UniqueFd fd, const std::string&) {
    watch.reset();
    connection = std::move(fd);
    watch.emplace(
        loop, connection.get(),
        [&] {
          char request[4096];
          ::recv(connection.get(), request, sizeof request, 0);
          ::send(connection.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
          watch.reset();
          connection.reset();
        },
        nullptr);
    watch->want_read(true);
  });
  ASSERT_TRUE(listener.has_value());
  HttpRequest asked;
  asked.url = "http://127.0.0.1:" + std::to_string((*listener)->port()) + "/";
  const struct {
    std::string answer;
    Errc code;
  } cases[] = {
      {"", Errc::unreachable},
      {"SSH-2.0-OpenSSH_9.2\r\n", Errc::protocol},
      {"HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x') + "\r\n\r\n", Errc::protocol},
  };
  for (const auto& test : cases) {
    answer = test.answer;
    const auto response = fetch(asked);
    ASSERT_FALSE(response.has_value()) << test.answer.substr(0, 40);
    EXPECT_EQ(response.error().code, test.code) << response.error().message;
  }
}

TEST_F(CurlHttpClientTest, IdleTimeOut) {
  std::vector<HttpExchangePtr> kept;
  open([&](HttpExchangePtr exchange) {
    exchange->start(200, {});
    exchange->write("12345");
    kept.push_back(std::move(exchange));
  });
  HttpRequest asked = request();
  asked.idle_timeout = milliseconds(50);
  Streamed streamed;
  const auto call = client->stream(asked, streamed.receiver());
  // As long as something comes, it goes on.
  int drips = 0;
  std::function<void()> drip;
  Scheduler::TimerPtr timer;
  drip = [&] {
    if (++drips > 10) return;
    if (!kept.empty()) kept[0]->write("x");
    timer = loop.after(milliseconds(20), drip);
  };
  drip();
  run_until(loop, [&] { return streamed.done.has_value(); });
  EXPECT_GT(drips, 10);
  ASSERT_FALSE(streamed.done->has_value());
  EXPECT_EQ(streamed.done->error().code, Errc::stalled);
  EXPECT_EQ(streamed.done->error().message, "nothing came from " + peer() + " for 50 ms, after " +
                                                std::to_string(streamed.body.size()) + " bytes");
  const auto fetched = fetch(asked);
  EXPECT_EQ(fetched.error().code, Errc::stalled);
}

TEST_F(CurlHttpClientTest, PausedCallsDoNotStall) {
  HttpExchangePtr kept;
  open([&](HttpExchangePtr exchange) {
    kept = std::move(exchange);
    kept->start(200, {});
    kept->write("12345");
  });
  HttpRequest asked = request();
  asked.idle_timeout = milliseconds(20);
  Streamed streamed;
  const auto call = client->stream(asked, streamed.receiver());
  call->pause(true);
  bool waited = false;
  const auto timer = loop.after(milliseconds(150), [&] { waited = true; });
  run_until(loop, [&] { return waited; });
  EXPECT_FALSE(streamed.done);
  call->pause(false);
  run_until(loop, [&] { return streamed.body == "12345"; });
  kept->finish();
  run_until(loop, [&] { return streamed.done.has_value(); });
  EXPECT_TRUE(streamed.done->has_value());
}

TEST_F(CurlHttpClientTest, TotalTimeOut) {
  HttpExchangePtr kept;
  open([&](HttpExchangePtr exchange) { kept = std::move(exchange); });
  HttpRequest asked = request();
  asked.total_timeout = milliseconds(40);
  const auto response = fetch(asked);
  ASSERT_FALSE(response.has_value());
  EXPECT_EQ(response.error().code, Errc::timed_out);
  EXPECT_EQ(response.error().message, peer() + " did not answer in full within 40 ms");
  run_until(loop, [&] { return server->connections() == 0 || (kept = nullptr, false); });
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
