#include "reactor/curl_multi.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <optional>
#include <vector>

#include "reactor/listener.h"

namespace kachery {
namespace {

// Answers every connection with "hello" and closes it.
class OneLineServer {
 public:
  explicit OneLineServer(Loop& loop)
      : listener_(Listener::open(loop, "127.0.0.1", 0, [this](UniqueFd fd, const std::string&) {
          ++connections;
          if (!answering) {
            kept_.push_back(std::move(fd));
            return;
          }
          const std::string_view answer =
              "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
          EXPECT_EQ(::send(fd.get(), answer.data(), answer.size(), MSG_NOSIGNAL),
                    static_cast<ssize_t>(answer.size()));
          ::shutdown(fd.get(), SHUT_WR);
          kept_.push_back(std::move(fd));
        })) {}
  std::string url() const { return "http://127.0.0.1:" + std::to_string((*listener_)->port()) + "/"; }

  int connections = 0;
  bool answering = true;

 private:
  std::vector<UniqueFd> kept_;
  Result<std::unique_ptr<Listener>> listener_;
};

struct Easy {
  explicit Easy(const std::string& url) : handle(curl_easy_init()) {
    curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, &body);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &Easy::write);
  }
  ~Easy() { curl_easy_cleanup(handle); }
  static std::size_t write(char* data, std::size_t, std::size_t size, void* user) {
    static_cast<std::string*>(user)->append(data, size);
    return size;
  }
  CURL* handle;
  std::string body;
};

TEST(CurlMulti, TransfersSeveralAtOnce) {
  Loop loop;
  OneLineServer server(loop);
  CurlMulti multi(loop);
  Easy a(server.url());
  Easy b(server.url());
  int done = 0;
  bool within_start = true;
  for (Easy* easy : {&a, &b}) {
    multi.start(easy->handle, [&](CURLcode code) {
      EXPECT_FALSE(within_start);
      EXPECT_EQ(code, CURLE_OK);
      if (++done == 2) loop.stop();
    });
  }
  within_start = false;
  loop.run();
  EXPECT_EQ(a.body, "hello");
  EXPECT_EQ(b.body, "hello");
  EXPECT_EQ(server.connections, 2);
}

TEST(CurlMulti, RemovedTransferStaysSilentAndHandlesMayBeUsedAgain) {
  Loop loop;
  OneLineServer server(loop);
  CurlMulti multi(loop);
  Easy easy(server.url());
  multi.start(easy.handle, [](CURLcode) { FAIL(); });
  multi.remove(easy.handle);
  multi.remove(easy.handle);
  // Several in a row: sockets are closed and opened again under the same numbers.
  int rounds = 0;
  std::function<void()> round = [&] {
    multi.start(easy.handle, [&](CURLcode code) {
      EXPECT_EQ(code, CURLE_OK);
      if (++rounds == 5) return loop.stop();
      round();
    });
  };
  round();
  loop.run();
  EXPECT_EQ(easy.body, "hellohellohellohellohello");
}

TEST(CurlMulti, RemovingInProgressClosesTheConnection) {
  Loop loop;
  OneLineServer server(loop);
  server.answering = false;
  CurlMulti multi(loop);
  Easy easy(server.url());
  multi.start(easy.handle, [](CURLcode) { FAIL(); });
  while (server.connections == 0) loop.run_once();
  for (int i = 0; i < 10; ++i) loop.run_once();
  multi.remove(easy.handle);
  for (int i = 0; i < 10; ++i) loop.run_once();
}

TEST(CurlMulti, FailureIsReportedLater) {
  Loop loop;
  CurlMulti multi(loop);
  Easy easy("http://127.0.0.1:1/");
  std::optional<CURLcode> result;
  multi.start(easy.handle, [&](CURLcode code) {
    result = code;
    loop.stop();
  });
  EXPECT_EQ(result, std::nullopt);
  loop.run();
  EXPECT_EQ(result, CURLE_COULDNT_CONNECT);
}

TEST(CurlMulti, DoneMayDestroyItAndOtherTransfersStaySilent) {
  Loop loop;
  OneLineServer server(loop);
  std::optional<CurlMulti> multi(std::in_place, loop);
  auto a = std::make_unique<Easy>(server.url());
  auto b = std::make_unique<Easy>(server.url());
  int done = 0;
  for (Easy* easy : {a.get(), b.get()}) {
    multi->start(easy->handle, [&](CURLcode) {
      ++done;
      multi.reset();
      a.reset();
      b.reset();
      loop.stop();
    });
  }
  loop.run();
  for (int i = 0; i < 10; ++i) loop.run_once();
  EXPECT_EQ(done, 1);
}

TEST(CurlMulti, AfterCallbacksComesBeforeDone) {
  Loop loop;
  OneLineServer server(loop);
  CurlMulti multi(loop);
  Easy easy(server.url());
  bool saw_body = false;
  multi.after_callbacks([&] { saw_body = saw_body || easy.body == "hello"; });
  multi.start(easy.handle, [&](CURLcode) {
    EXPECT_TRUE(saw_body);
    loop.stop();
  });
  loop.run();
}

}  // namespace
}  // namespace kachery
