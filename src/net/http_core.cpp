#include "net/http_core.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>
#include <vector>

#include "net/http_connection.h"

namespace kachery {

namespace {

constexpr std::size_t read_buffer_bytes = 512u << 10;

// Time-outs are coarse: looked at so often that the shortest is exceeded by at most a quarter.
milliseconds sweep_interval_of(const HttpServerLimits& limits) {
  const milliseconds shortest =
      std::min({limits.head_timeout, limits.body_idle_timeout, limits.keep_alive_timeout,
                limits.write_idle_timeout, limits.linger_timeout});
  return std::clamp(shortest / 4, milliseconds(10), milliseconds(1'000));
}

// RFC 9110, 5.6.7; strftime would follow the locale.
std::string http_date(std::time_t second) {
  static constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm t{};
  gmtime_r(&second, &t);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", days[static_cast<std::size_t>(t.tm_wday)],
                     t.tm_mday, months[static_cast<std::size_t>(t.tm_mon)], t.tm_year + 1900, t.tm_hour,
                     t.tm_min, t.tm_sec);
}

}  // namespace

HttpCore::HttpCore(Loop& the_loop, const HttpServerLimits& the_limits, HttpServer::Handler the_handler)
    : loop(the_loop),
      limits(the_limits),
      handler(std::move(the_handler)),
      sweep_interval_(sweep_interval_of(limits)) {}

Status HttpCore::listen(const std::string& host, std::uint16_t port) {
  KACHERY_TRY(listener_, Listener::open(loop, host, port, [this](UniqueFd socket, std::string peer) {
                accept(std::move(socket), std::move(peer));
              }));
  port_ = listener_->port();
  return {};
}

void HttpCore::accept(UniqueFd socket, std::string peer) {
  auto connection = std::make_shared<HttpConnection>(shared_from_this(), std::move(socket), std::move(peer));
  connection->start();
  connections_.insert(std::move(connection));
  if (connections_.size() >= limits.connections) listener_->pause();
  if (!sweep_) schedule_sweep(sweep_interval_);
}

void HttpCore::remove(const std::shared_ptr<HttpConnection>& connection) {
  connections_.erase(connection);
  if (listener_ && connections_.size() < limits.connections) listener_->resume();
  check_drained();
}

void HttpCore::drain(std::function<void()> drained) {
  draining = true;
  drained_ = std::move(drained);
  listener_.reset();
  for (const auto& connection : connections_) connection->drain();
  check_drained();
}

void HttpCore::check_drained() {
  if (!draining || !connections_.empty() || !drained_) return;
  loop.defer([callback = std::exchange(drained_, {})] { callback(); });
}

void HttpCore::close() {
  drained_ = {};
  listener_.reset();
  sweep_.reset();
  for (const auto& connection : std::exchange(connections_, {})) connection->close();
}

void HttpCore::schedule_sweep(milliseconds delay) {
  sweep_ = loop.after(delay, [this] { sweep(); });
}

void HttpCore::sweep() {
  const auto self = shared_from_this();  // a handler may destroy the server
  sweep_.reset();
  const milliseconds now = loop.monotonic();
  std::vector<std::shared_ptr<HttpConnection>> late;
  for (const auto& connection : connections_) {
    if (connection->late(now)) late.push_back(connection);
  }
  // It may be us who did not get to read and write: look once more when that is done.
  const bool confirmed = std::exchange(suspected_, !late.empty() && !suspected_);
  if (!late.empty() && !confirmed) return schedule_sweep(milliseconds(0));
  for (const auto& connection : late) connection->time_out();
  if (!connections_.empty()) schedule_sweep(sweep_interval_);
}

std::span<char> HttpCore::read_buffer() {
  if (!buffer_) buffer_.reset(new char[read_buffer_bytes]);
  return {buffer_.get(), read_buffer_bytes};
}

const std::string& HttpCore::date() {
  const std::int64_t second = loop.wall_ms() / 1'000;
  if (second != date_second_) {
    date_second_ = second;
    date_ = http_date(static_cast<std::time_t>(second));
  }
  return date_;
}

}  // namespace kachery
