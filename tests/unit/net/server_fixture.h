// A server on loopback whose handler a test sets.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <memory>
#include <string>
#include <vector>

#include "net/http_server.h"
#include "unit/net/raw_client.h"

namespace kachery::testing {

inline HttpServerLimits ample_limits() {
  HttpServerLimits out{};
  out.connections = 100;
  out.collected_bytes = 16u << 20;
  return out;
}

class ServerTest : public ::testing::Test {
 protected:
  void open(HttpServer::Handler handler, const HttpServerLimits& limits = ample_limits()) {
    auto opened = HttpServer::open(loop, "127.0.0.1", 0, limits, std::move(handler));
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    server = *std::move(opened);
  }
  RawClient connect(int receive_buffer = 0) { return RawClient(loop, server->port(), receive_buffer); }

  // Sends `text`, and returns the one response to it when it is whole.
  RawResponse ask(std::string_view text, bool to_head = false) {
    RawClient client = connect();
    client.send(text);
    run_until(loop, [&] { return client.closed || parse_response(client.received, to_head).whole; });
    return parse_response(client.received, to_head);
  }

  Loop loop;
  std::unique_ptr<HttpServer> server;
};

// A file that lives in memory only.
inline UniqueFd file_with(std::string_view content) {
  UniqueFd fd(::memfd_create("test", MFD_CLOEXEC));
  EXPECT_EQ(::pwrite(fd.get(), content.data(), content.size(), 0), static_cast<ssize_t>(content.size()));
  return fd;
}

// `size` bytes that don't repeat soon.
inline std::string noise(std::size_t size) {
  std::string out(size, '\0');
  std::uint32_t state = 1;
  for (char& c : out) {
    state = state * 1664525u + 1013904223u;
    c = static_cast<char>(state >> 24);
  }
  return out;
}

inline std::string get(std::string_view path, std::string_view more = "") {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: h\r\n" + std::string(more) + "\r\n";
}

inline std::string post(std::string_view path, std::string_view body, std::string_view more = "") {
  return "POST " + std::string(path) +
         " HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(more) + "\r\n" + std::string(body);
}

}  // namespace kachery::testing
