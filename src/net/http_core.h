// What the connections of one HTTP server share.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <unordered_set>

#include "net/http_server.h"
#include "reactor/listener.h"
#include "reactor/loop.h"

namespace kachery {

class HttpConnection;

class HttpCore : public std::enable_shared_from_this<HttpCore> {
 public:
  HttpCore(Loop& the_loop, const HttpServerLimits& the_limits, HttpServer::Handler the_handler);

  Status listen(const std::string& host, std::uint16_t port);
  std::uint16_t port() const { return port_; }

  void accept(UniqueFd socket, std::string peer);
  void remove(const std::shared_ptr<HttpConnection>& connection);
  void drain(std::function<void()> drained);
  // Everything ends at once, without callbacks.
  void close();

  // Where bytes are received before anybody looks at them: one for all, so that connections hold none.
  std::span<char> read_buffer();
  // The value of a Date header, now.
  const std::string& date();

  Loop& loop;
  const HttpServerLimits limits;
  const HttpServer::Handler handler;
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
  std::size_t collected_bytes = 0;  // of bodies being collected, all together
  bool draining = false;
  std::size_t connections() const { return connections_.size(); }

 private:
  void schedule_sweep(milliseconds delay);
  void sweep();
  void check_drained();

  std::unique_ptr<Listener> listener_;
  std::uint16_t port_ = 0;
  std::unordered_set<std::shared_ptr<HttpConnection>> connections_;
  std::unique_ptr<char[]> buffer_;
  Scheduler::TimerPtr sweep_;  // while there are connections
  milliseconds sweep_interval_;
  bool suspected_ = false;  // the last sweep found late connections, and the next one acts on them
  std::function<void()> drained_;
  std::int64_t date_second_ = -1;
  std::string date_;
};

}  // namespace kachery
