// Responses: chunked, from files, to slow readers and to clients that go away.
#include <fcntl.h>

#include "net/http_server.h"
#include "unit/net/server_fixture.h"

namespace kachery {
namespace {

using testing::ample_limits;
using testing::file_with;
using testing::get;
using testing::noise;
using testing::parse_response;
using testing::RawClient;
using testing::RawResponse;
using testing::run_until;
using testing::settle;

constexpr int small_buffer = 8'192;

class HttpServerResponseTest : public testing::ServerTest {
 protected:
  // A handler that keeps the exchange for the test.
  void open_keeping(const HttpServerLimits& limits = ample_limits()) {
    open(
        [this](HttpExchangePtr with) {
          exchange = std::move(with);
          exchange->on_closed([this] { went = true; });
        },
        limits);
  }
  void await_request() {
    run_until(loop, [this] { return exchange != nullptr; });
  }

  HttpExchangePtr exchange;
  bool went = false;
};

TEST_F(HttpServerResponseTest, Chunked) {
  open_keeping();
  RawClient client = connect();
  client.send(get("/") + get("/"));
  await_request();
  exchange->start(200, {{"X", "y"}});
  EXPECT_TRUE(exchange->responded());
  client.expect("Transfer-Encoding: chunked\r\n\r\n");
  exchange->write("hello");
  client.expect("5\r\nhello\r\n");
  exchange->write("");  // not the end
  exchange->write(", world");
  const HttpExchange* const first = exchange.get();
  exchange->finish();
  run_until(loop, [&] { return exchange.get() != first; });
  EXPECT_TRUE(parse_response(client.received).whole);
  EXPECT_EQ(parse_response(client.received).body, "hello, world");
  EXPECT_FALSE(went);
}

TEST_F(HttpServerResponseTest, StreamedWithContentLength) {
  open_keeping();
  RawClient client = connect();
  client.send(get("/"));
  await_request();
  exchange->start(200, {{"Content-Length", "5"}});
  exchange->write("he");
  exchange->write("llo");
  exchange->finish();
  client.expect("hello");
  EXPECT_EQ(parse_response(client.received).head.find("chunked"), std::string::npos);
}

TEST_F(HttpServerResponseTest, StreamedShorterThanItsContentLengthIsBroken) {
  open_keeping();
  RawClient client = connect();
  client.send(get("/"));
  await_request();
  exchange->start(200, {{"Content-Length", "5"}});
  exchange->write("he");
  client.expect("he");
  exchange->finish();
  client.expect_close();
  EXPECT_FALSE(parse_response(client.received).whole);
}

TEST_F(HttpServerResponseTest, BackPressure) {
  open_keeping();
  RawClient client = connect(small_buffer);
  client.listen(false);
  client.send(get("/"));
  await_request();
  exchange->start(200, {});
  const std::string piece = noise(1u << 20);
  std::size_t written = 0;
  while (exchange->unsent() == 0) {
    exchange->write(piece);
    written += piece.size();
    ASSERT_LT(written, 1u << 30);
  }
  const std::size_t before = exchange->unsent();
  EXPECT_LE(before, piece.size() + 100);
  exchange->write(piece);
  written += piece.size();
  EXPECT_EQ(exchange->unsent(), before + piece.size() + std::string("100000\r\n\r\n").size());
  client.listen(true);
  run_until(loop, [&] { return exchange->unsent() == 0; });
  exchange->finish();
  run_until(loop, [&] { return parse_response(client.received).whole; });
  EXPECT_EQ(parse_response(client.received).body.size(), written);
  EXPECT_TRUE(parse_response(client.received).body.ends_with(piece));
}

TEST_F(HttpServerResponseTest, LargeBodyInOneResponse) {
  const std::string body = noise(20u << 20);
  open([&](const HttpExchangePtr& with) { with->respond(200, "text/plain", body); });
  const RawResponse response = ask(get("/"));
  EXPECT_TRUE(response.whole);
  EXPECT_TRUE(response.body == body);
}

TEST_F(HttpServerResponseTest, AbortBreaksTheResponse) {
  open_keeping();
  RawClient client = connect();
  client.send(get("/"));
  await_request();
  exchange->start(200, {});
  exchange->write("part");
  client.expect("part");
  exchange->abort();
  EXPECT_TRUE(exchange->closed());
  client.expect_close();
  EXPECT_TRUE(client.broken);
  EXPECT_FALSE(parse_response(client.received).whole);
}

TEST_F(HttpServerResponseTest, DroppingTheExchangeInMidResponseBreaksIt) {
  open_keeping();
  RawClient client = connect();
  client.send(get("/"));
  await_request();
  exchange->start(200, {});
  exchange->write("part");
  client.expect("part");
  exchange->on_closed({});
  exchange.reset();
  client.expect_close();
  EXPECT_FALSE(parse_response(client.received).whole);
}

// ---- clients that go away

TEST_F(HttpServerResponseTest, ClientThatGoesWhileTheHandlerWorks) {
  for (const bool reset : {false, true}) {
    went = false;
    open_keeping();
    RawClient client = connect();
    client.send(get("/"));
    await_request();
    client.disconnect(reset);
    run_until(loop, [&] { return went; });
    exchange->respond_text(200, "nobody listens");
    exchange.reset();
    run_until(loop, [&] { return server->connections() == 0; });
  }
}

TEST_F(HttpServerResponseTest, ClientThatGoesInMidResponse) {
  for (const bool reset : {false, true}) {
    went = false;
    open_keeping();
    RawClient client = connect(small_buffer);
    client.listen(false);
    client.send(get("/"));
    await_request();
    exchange->start(200, {});
    while (exchange->unsent() == 0) exchange->write(noise(1u << 20));
    client.disconnect(reset);
    run_until(loop, [&] { return went && exchange->closed(); });
    EXPECT_EQ(exchange->unsent(), 0u);
    exchange->write("nobody listens");
    exchange->finish();
    exchange.reset();
    run_until(loop, [&] { return server->connections() == 0; });
  }
}

TEST_F(HttpServerResponseTest, AskedAfterItWentItIsToldToo) {
  open([this](HttpExchangePtr with) { exchange = std::move(with); });
  RawClient client = connect();
  client.send(get("/"));
  await_request();
  client.disconnect();
  settle(loop);
  exchange->on_closed([this] { went = true; });
  EXPECT_FALSE(went);
  run_until(loop, [&] { return went; });
}

TEST_F(HttpServerResponseTest, OnClosedMayBeTakenBack) {
  open_keeping();
  RawClient client = connect();
  client.send(get("/"));
  await_request();
  bool second = false;
  exchange->on_closed([&] { second = true; });
  client.disconnect();
  run_until(loop, [&] { return second; });
  EXPECT_FALSE(went);
}

TEST_F(HttpServerResponseTest, OnClosedMayHoldAndDropTheExchange) {
  open([this](HttpExchangePtr with) {
    exchange = with;
    with->on_closed([this, with] {
      went = true;
      exchange.reset();
    });
  });
  RawClient client = connect();
  client.send(get("/"));
  await_request();
  client.disconnect();
  run_until(loop, [&] { return went && server->connections() == 0; });
}

TEST_F(HttpServerResponseTest, ClientThatTakesNothingTimesOut) {
  HttpServerLimits limits = ample_limits();
  limits.write_idle_timeout = milliseconds(40);
  open_keeping(limits);
  RawClient client = connect(small_buffer);
  client.listen(false);
  client.send(get("/"));
  await_request();
  exchange->start(200, {});
  while (exchange->unsent() == 0) exchange->write(noise(1u << 20));
  run_until(loop, [&] { return went; });
  EXPECT_TRUE(exchange->closed());
}

// ---- files

TEST_F(HttpServerResponseTest, Files) {
  const std::string content = noise((5u << 20) + 12'345);
  const struct {
    std::uint64_t offset;
    std::uint64_t length;
  } ranges[] = {{0, content.size()}, {0, 0}, {0, 1}, {1'000'000, 3'000'001}, {content.size() - 1, 1}};
  for (const auto& range : ranges) {
    std::optional<std::uint64_t> done;
    open([&](const HttpExchangePtr& with) {
      with->respond_file(206, {{"X", "y"}}, file_with(content), range.offset, range.length,
                         [&](std::uint64_t sent) { done = sent; });
    });
    const RawResponse response = ask(get("/"));
    EXPECT_EQ(response.status, 206);
    EXPECT_TRUE(response.whole);
    EXPECT_TRUE(response.body == content.substr(range.offset, range.length));
    run_until(loop, [&] { return done.has_value(); });
    EXPECT_EQ(done, range.length);
  }
}

TEST_F(HttpServerResponseTest, FilesOneAfterTheOther) {
  open([&](const HttpExchangePtr& with) {
    with->respond_file(200, {}, file_with("content of " + with->head().path), 0, 13, {});
  });
  RawClient client = connect();
  client.send(get("/1") + get("/2") + get("/3"));
  client.expect("content of /3");
  EXPECT_EQ(parse_response(parse_response(client.received).rest).body, "content of /2");
}

TEST_F(HttpServerResponseTest, HeadOfAFile) {
  std::optional<std::uint64_t> done;
  open([&](const HttpExchangePtr& with) {
    with->respond_file(200, {}, file_with("12345"), 0, 5, [&](std::uint64_t sent) { done = sent; });
  });
  const RawResponse response = ask("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", true);
  EXPECT_NE(response.head.find("Content-Length: 5\r\n"), std::string::npos);
  EXPECT_EQ(response.rest, "");
  run_until(loop, [&] { return done.has_value(); });
  EXPECT_EQ(done, 0u);
}

TEST_F(HttpServerResponseTest, FileShorterThanPromised) {
  std::optional<std::uint64_t> done;
  open([&](const HttpExchangePtr& with) {
    with->respond_file(200, {}, file_with("12345"), 2, 10, [&](std::uint64_t sent) { done = sent; });
  });
  RawClient client = connect();
  client.send(get("/"));
  client.expect_close();
  const RawResponse response = parse_response(client.received);
  EXPECT_FALSE(response.whole);
  EXPECT_EQ(response.body, "345");
  run_until(loop, [&] { return done.has_value(); });
  EXPECT_EQ(done, 3u);
}

// From a pipe nothing can be sent with sendfile(2) or read at an offset.
TEST_F(HttpServerResponseTest, WhatIsNoFileBreaksTheResponseOnly) {
  std::optional<std::uint64_t> done;
  open([&](const HttpExchangePtr& with) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const UniqueFd keep(ends[1]);
    with->respond_file(200, {}, UniqueFd(ends[0]), 0, 5, [&](std::uint64_t sent) { done = sent; });
  });
  RawClient client = connect();
  client.send(get("/"));
  client.expect_close();
  run_until(loop, [&] { return done.has_value(); });
  EXPECT_EQ(done, 0u);
}

// Files of /proc can't be mapped or sent with sendfile(2) everywhere, but read: either way must give the
// bytes.
TEST_F(HttpServerResponseTest, FileOfAnOddFileSystem) {
  std::string content(1'000, '\0');
  UniqueFd file(::open("/proc/version", O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(file);
  const ssize_t size = ::pread(file.get(), content.data(), content.size(), 0);
  ASSERT_GT(size, 0);
  content.resize(static_cast<std::size_t>(size));
  open([&](const HttpExchangePtr& with) {
    with->respond_file(200, {}, UniqueFd(::open("/proc/version", O_RDONLY | O_CLOEXEC)), 0, content.size(),
                       {});
  });
  EXPECT_EQ(ask(get("/")).body, content);
}

// Its bytes have to come from the disk: the loop must not wait for them, nor lose any.
TEST_F(HttpServerResponseTest, FileThatIsNotInMemory) {
  const std::string content = noise(3u << 20);
  std::string path = ::testing::TempDir() + "kachery-cold-XXXXXX";
  const UniqueFd file(::mkstemp(path.data()));
  ASSERT_TRUE(file);
  ::unlink(path.c_str());
  ASSERT_EQ(::pwrite(file.get(), content.data(), content.size(), 0), static_cast<ssize_t>(content.size()));
  ASSERT_EQ(::fsync(file.get()), 0);
  ASSERT_EQ(::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED), 0);
  open([&](const HttpExchangePtr& with) {
    with->respond_file(200, {}, UniqueFd(::dup(file.get())), 1, content.size() - 1, {});
  });
  EXPECT_TRUE(ask(get("/")).body == content.substr(1));
}

TEST_F(HttpServerResponseTest, ClientThatGoesInMidFile) {
  const std::string content = noise(16u << 20);
  std::optional<std::uint64_t> done;
  open([&](const HttpExchangePtr& with) {
    with->respond_file(200, {}, file_with(content), 0, content.size(),
                       [&](std::uint64_t sent) { done = sent; });
  });
  RawClient client = connect(small_buffer);
  client.send(get("/"));
  client.expect("\r\n\r\n");
  client.disconnect();
  run_until(loop, [&] { return done.has_value(); });
  EXPECT_LT(*done, content.size());
  run_until(loop, [&] { return server->connections() == 0; });
}

TEST_F(HttpServerResponseTest, ManyClientsAtOnce) {
  const std::string content = noise(1u << 20);
  open([&](const HttpExchangePtr& with) {
    with->respond_file(200, {}, file_with(content), 0, content.size(), {});
  });
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<RawClient>(loop, server->port()));
    clients.back()->send(get("/") + get("/"));
  }
  for (const auto& client : clients) {
    run_until(loop, [&] { return parse_response(parse_response(client->received).rest).whole; });
    EXPECT_TRUE(parse_response(client->received).body == content);
  }
}

}  // namespace
}  // namespace kachery
