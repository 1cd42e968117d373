// A TCP client that sends exactly what a test says and keeps all that comes back, on the test's loop.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "reactor/loop.h"

namespace kachery::testing {

// Runs `loop` until `condition` holds.
inline void run_until(Loop& loop, const std::function<bool()>& condition) {
  while (!condition()) {
    const auto wake = loop.after(milliseconds(1), [&] { loop.stop(); });
    loop.run();
  }
}

// Lets `loop` do all that is ready, and a little more.
inline void settle(Loop& loop, int passes = 20) {
  for (int i = 0; i < passes; ++i) loop.run_once();
}

class RawClient {
 public:
  RawClient(Loop& loop, std::uint16_t port, int receive_buffer = 0)
      : loop_(loop), socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (receive_buffer > 0) {
      ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    watch_.emplace(
        loop, socket_.get(), [this] { receive(); }, [this] { flush(); });
    watch_->want_read(true);
  }

  void send(std::string_view bytes) {
    unsent_ += bytes;
    flush();
  }
  void shut_down_sending() { ::shutdown(socket_.get(), SHUT_WR); }
  void listen(bool wanted) { watch_->want_read(wanted && !closed); }
  void disconnect(bool reset = false) {
    if (reset) {
      const linger now{1, 0};
      ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
    watch_.reset();
    socket_.reset();
  }
  std::size_t unsent() const { return unsent_.size() - sent_; }

  // Until `text` has come in full.
  void expect(std::string_view text) {
    run_until(loop_, [&] { return closed || received.find(text) != std::string::npos; });
    EXPECT_NE(received.find(text), std::string::npos) << received;
  }
  void expect_close() {
    run_until(loop_, [&] { return closed; });
  }

  std::string received;
  bool closed = false;  // the server's side
  bool broken = false;  // by a reset

 private:
  void receive() {
    char buffer[65536];
    const ssize_t n = ::recv(socket_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (n > 0) {
      received.append(buffer, static_cast<std::size_t>(n));
    } else if (n == 0 || errno != EAGAIN) {
      closed = true;
      broken = n < 0;
      watch_->want_read(false);
    }
  }
  void flush() {
    while (unsent() > 0) {
      const ssize_t n = ::send(socket_.get(), unsent_.data() + sent_, unsent(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n < 0 && errno == EAGAIN) break;
      sent_ = n < 0 ? unsent_.size() : sent_ + static_cast<std::size_t>(n);
    }
    if (unsent() == 0) {
      unsent_.clear();
      sent_ = 0;
    }
    watch_->want_write(unsent() > 0);
  }

  Loop& loop_;
  UniqueFd socket_;
  std::optional<IoWatch> watch_;
  std::string unsent_;
  std::size_t sent_ = 0;  // of unsent_
};

// A response taken apart.
struct RawResponse {
  int status = 0;
  std::string head;
  std::string body;  // decoded if chunked
  std::string rest;  // what follows
  bool whole = false;
};

inline RawResponse parse_response(std::string_view text, bool to_head = false) {
  RawResponse out;
  const std::size_t end = text.find("\r\n\r\n");
  if (end == std::string_view::npos || !text.starts_with("HTTP/1.1 ")) return out;
  out.head = text.substr(0, end + 4);
  out.status = std::stoi(std::string(text.substr(9, 3)));
  text.remove_prefix(end + 4);
  const std::size_t length_at = out.head.find("Content-Length: ");
  if (to_head || out.status < 200 || out.status == 204 || out.status == 304) {
    out.whole = true;
  } else if (length_at != std::string::npos) {
    const auto length = std::stoul(out.head.substr(length_at + 16));
    out.body = text.substr(0, length);
    out.whole = out.body.size() == length;
    text.remove_prefix(out.body.size());
  } else if (out.head.find("Transfer-Encoding: chunked") != std::string::npos) {
    while (true) {
      const std::size_t line = text.find("\r\n");
      if (line == std::string_view::npos) break;
      const auto size = std::stoul(std::string(text.substr(0, line)), nullptr, 16);
      if (text.size() < line + 2 + size + 2) break;
      out.body += text.substr(line + 2, size);
      text.remove_prefix(line + 2 + size + 2);
      if (size == 0) {
        out.whole = true;
        break;
      }
    }
  } else {
    out.body = text;
    text = {};
  }
  out.rest = text;
  return out;
}

}  // namespace kachery::testing
