// How calls fail, and what is said.
#include "reactor/listener.h"
#include "unit/net/client_fixture.h"

namespace kachery {
namespace {

using testing::CurlHttpClientTest;
using testing::file_with;
using testing::noise;
using testing::run_until;
using testing::settle;

class CurlHttpClientFailures : public CurlHttpClientTest {};

TEST_F(CurlHttpClientFailures, RefusedConnection) {
  open([](const HttpExchangePtr&) {});
  const HttpRequest asked = request();
  const std::string expected = "could not connect to " + peer() + ": Connection refused";
  server.reset();
  const auto response = fetch(asked);
  ASSERT_FALSE(response.has_value());
  EXPECT_EQ(response.error().code, Errc::unreachable);
  EXPECT_EQ(response.error().message, expected);
}

TEST_F(CurlHttpClientFailures, ConnectTimeOut) {
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

TEST_F(CurlHttpClientFailures, BadUrls) {
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

TEST_F(CurlHttpClientFailures, UnknownHost) {
  HttpRequest asked;
  asked.url = "http://no-such-host.invalid/";
  const auto response = fetch(asked);
  ASSERT_FALSE(response.has_value());
  EXPECT_EQ(response.error().code, Errc::unreachable);
  EXPECT_NE(response.error().message.find("no-such-host.invalid"), std::string::npos);
}

TEST_F(CurlHttpClientFailures, TooLargeBodies) {
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

TEST_F(CurlHttpClientFailures, ShortBodies) {
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

TEST_F(CurlHttpClientFailures, BrokenChunkedBodies) {
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
TEST_F(CurlHttpClientFailures, AnswersThatAreNoHttp) {
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

TEST_F(CurlHttpClientFailures, IdleTimeOut) {
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

TEST_F(CurlHttpClientFailures, PausedCallsDoNotStall) {
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

TEST_F(CurlHttpClientFailures, TotalTimeOut) {
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

}  // namespace
}  // namespace kachery
