#include "net/http_connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/log.h"

namespace kachery {

namespace {

constexpr std::size_t read_per_event = 1u << 20;  // then others get their turn
constexpr std::size_t head_read_bytes = 64u << 10;
// While a handler works, input is read so far and no further: enough to notice a client that goes away.
constexpr std::size_t held_bytes = 16u << 10;
constexpr std::uint64_t linger_bytes = 32u << 20;
constexpr int requests_per_turn = 32;  // pipelined ones, then others get their turn

}  // namespace

HttpConnection::Transaction::Transaction(const http1::RequestHead& head)
    : head_method(head.method == "HEAD"),
      http_1_0(head.minor_version == 0),
      keep_alive(head.keep_alive),
      expect_continue(head.expect_continue),
      body(head) {}

HttpConnection::HttpConnection(std::shared_ptr<HttpCore> core, UniqueFd socket, std::string peer)
    : core_(std::move(core)),
      socket_(std::move(socket)),
      watch_(
          core_->loop, socket_.get(), [this] { readable(); }, [this] { writable(); }),
      peer_(std::move(peer)),
      phase_since_(core_->loop.monotonic()),
      read_progress_(phase_since_),
      write_progress_(phase_since_) {}

void HttpConnection::start() {
  watch_.want_read(true);
}

// ---- events

void HttpConnection::readable() {
  const auto self = shared_from_this();
  std::size_t budget = read_per_event;
  while (!dead_ && wants_read() && budget > 0) {
    const std::span<char> buffer = core_->read_buffer();
    std::size_t size = head_read_bytes;
    if (phase_ == Phase::exchange) {
      size = body_wanted() ? std::min(buffer.size(), budget) : held_bytes - held_.size();
    }
    const ssize_t n = ::recv(socket_.get(), buffer.data(), size, MSG_DONTWAIT);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) die(system_error(errno, "the connection of the client failed"));
      break;
    }
    if (n == 0) {
      end_of_input_ = true;
      break;
    }
    const auto received = static_cast<std::size_t>(n);
    core_->bytes_received += received;
    read_progress_ = core_->loop.monotonic();
    budget -= std::min(received, budget);
    consume({buffer.data(), received});
    if (received < size) break;
  }
  settle();
}

void HttpConnection::writable() {
  const auto self = shared_from_this();
  flush();
  consume_held();
  settle();
}

void HttpConnection::advance() {
  consume_held();
  settle();
}

void HttpConnection::schedule() {
  if (scheduled_ || running_) return;
  scheduled_ = true;
  core_->loop.defer([self = shared_from_this()] {
    self->scheduled_ = false;
    self->advance();
  });
}

void HttpConnection::settle() {
  if (dead_) return;
  if (transaction_ && transaction_->use == BodyUse::dropping) {
    // They may hold the last reference to the exchange, which comes back to us when it goes.
    const auto done = std::exchange(transaction_->done, {});
    const auto sink = std::exchange(transaction_->sink, {});
  }
  if (end_of_input_) at_end_of_input();
  if (!dead_) watch_.want_read(wants_read());
}

bool HttpConnection::body_wanted() const {
  const Transaction& t = *transaction_;
  if (t.body.complete() || t.body_broken) return false;
  switch (t.use) {
    case BodyUse::undecided:
      return false;
    case BodyUse::streaming:
      return !t.paused;
    case BodyUse::collecting:
    case BodyUse::dropping:
      return true;
  }
  return false;
}

bool HttpConnection::wants_read() const {
  if (end_of_input_) return false;
  if (phase_ != Phase::exchange || body_wanted()) return true;
  return held_.size() < held_bytes;
}

// ---- what comes next

void HttpConnection::consume(std::string_view data) {
  if (phase_ == Phase::lingering) {
    lingered_ += data.size();
    if (lingered_ > linger_bytes) die(Error{Errc::cancelled, "the client goes on sending"});
    return;
  }
  if (!held_.empty()) {
    held_ += data;
    consume_held();
    return;
  }
  run(data);
  if (!dead_) held_.assign(data);
}

void HttpConnection::consume_held() {
  if (dead_) return;
  std::string held = std::exchange(held_, {});
  std::string_view rest = held;
  run(rest);
  if (!dead_ && !rest.empty()) held_ = rest.size() == held.size() ? std::move(held) : std::string(rest);
}

void HttpConnection::run(std::string_view& input) {
  running_ = true;
  for (int requests = 0; !dead_;) {
    if (phase_ == Phase::lingering) {
      input = {};
      break;
    }
    if (phase_ != Phase::exchange) {
      if (input.empty() || !take_head(input)) break;
      continue;
    }
    take_body(input);
    if (dead_ || !end_exchange()) break;
    if (++requests == requests_per_turn && !input.empty()) {
      running_ = false;
      schedule();
      break;
    }
  }
  running_ = false;
}

// Whether a request begins (also one that is refused).
bool HttpConnection::take_head(std::string_view& input) {
  if (phase_ == Phase::idle) {
    phase_ = Phase::head;
    phase_since_ = core_->loop.monotonic();
  }
  if (!scan_.ready(input)) return false;
  scan_.reset();
  http1::HeadParse parsed = http1::parse_request_head(input);
  if (parsed.state == http1::HeadParse::State::complete) {
    input.remove_prefix(parsed.consumed);
    begin(std::move(parsed.head));
  } else {
    refuse(parsed.error.status, parsed.error.message);
  }
  return true;
}

void HttpConnection::begin(http1::RequestHead head) {
  phase_ = Phase::exchange;
  phase_since_ = read_progress_ = write_progress_ = core_->loop.monotonic();
  transaction_ = std::make_unique<Transaction>(head);
  auto exchange = std::make_shared<ConnectionExchange>(shared_from_this(), std::move(head), peer_);
  transaction_->exchange = exchange.get();
  core_->handler(std::move(exchange));
}

// Answers what never became a request.
void HttpConnection::refuse(int status, std::string_view message) {
  log_debug("{}: refused a request: {}", peer_, message);
  phase_ = Phase::exchange;
  phase_since_ = write_progress_ = core_->loop.monotonic();
  http1::RequestHead nothing;
  nothing.keep_alive = false;
  transaction_ = std::make_unique<Transaction>(nothing);
  respond(status, {{"Content-Type", "text/plain; charset=utf-8"}}, std::string(message));
}

bool HttpConnection::end_exchange() {
  Transaction& t = *transaction_;
  if (t.response != Response::complete || !out_.empty()) return false;
  const bool body_over = t.body.complete() || t.body_broken;
  if (!t.close_after && !body_over) return false;

  if (t.file_done) std::exchange(t.file_done, {})(t.file_sent);
  if (dead_) return false;
  release_collected();
  const std::unique_ptr<Transaction> over = std::move(transaction_);
  phase_since_ = core_->loop.monotonic();
  if (over->close_after) {
    linger();
  } else {
    phase_ = Phase::idle;
  }
  if (over->exchange != nullptr) std::exchange(over->exchange, nullptr)->detach(true);
  return true;
}

// Closing at once would reset the connection if the client has sent anything that was not read, and the
// client might lose the response with it (RFC 9112, 9.6).
void HttpConnection::linger() {
  phase_ = Phase::lingering;
  ::shutdown(socket_.get(), SHUT_WR);
}

void HttpConnection::at_end_of_input() {
  if (phase_ != Phase::exchange) {
    die(Error{Errc::cancelled, "the client closed the connection"});
    return;
  }
  Transaction& t = *transaction_;
  if (!t.body.complete() && !t.body_broken) {
    // What is held may be what is missing: wait until somebody has taken it.
    if (!body_wanted() && t.response != Response::complete) return;
    if (t.use == BodyUse::dropping && t.response != Response::complete) return;
    if (t.response == Response::complete && !out_.empty()) return;
    die(Error{Errc::unreachable,
              t.body.left() ? fmt::format("the client closed the connection after {} of {} bytes",
                                          t.body.received(), t.body.received() + *t.body.left())
                            : fmt::format("the client closed the connection after {} bytes, before the end",
                                          t.body.received())});
    return;
  }
  // It may have shut down its sending side only, and be waiting for the response; who has asked to be told
  // is told, all others just answer.
  if (t.response != Response::complete && t.on_closed) {
    const auto callback = std::exchange(t.on_closed, {});
    callback();
  }
}

// ---- the body

void HttpConnection::take_body(std::string_view& input) {
  Transaction& t = *transaction_;
  if (t.response == Response::complete && !t.close_after) drop_body();
  while (!dead_ && !input.empty() && body_wanted()) {
    const auto piece = t.body.next(input);
    if (!piece) {
      break_body(piece.error());
      return;
    }
    if (!piece->empty()) deliver(*piece);
  }
  if (!dead_ && t.body.complete() && !t.body_told && !t.paused) tell_body_end();
}

void HttpConnection::deliver(std::string_view piece) {
  if (transaction_->use == BodyUse::collecting) {
    collect(piece);
  } else if (transaction_->use == BodyUse::streaming && transaction_->sink.data) {
    transaction_->sink.data(piece);
  }
}

void HttpConnection::collect(std::string_view piece) {
  Transaction& t = *transaction_;
  const auto give_up = [&](int status, std::string message) {
    release_collected();
    drop_body();
    respond(status, {{"Content-Type", "text/plain; charset=utf-8"}}, std::move(message));
  };
  if (piece.size() > t.max_collected - t.collected.size()) {
    give_up(413, fmt::format("the body of this request may have at most {} bytes", t.max_collected));
  } else if (core_->collected_bytes + piece.size() > core_->limits.collected_bytes) {
    give_up(503, "too many requests are being received at once: try again later");
  } else {
    t.collected += piece;
    core_->collected_bytes += piece.size();
  }
}

void HttpConnection::release_collected() {
  core_->collected_bytes -= transaction_->collected.size();
  transaction_->collected = std::string();
}

void HttpConnection::tell_body_end() {
  Transaction& t = *transaction_;
  if (t.use == BodyUse::collecting) {
    t.body_told = true;
    core_->collected_bytes -= t.collected.size();
    std::string body = std::exchange(t.collected, {});
    const auto done = std::exchange(t.done, {});
    done(std::move(body));
  } else if (t.use == BodyUse::streaming) {
    t.body_told = true;
    const auto sink = std::exchange(t.sink, {});
    if (sink.end) sink.end();
  }
}

// The framing is broken, or the body stopped coming; the client is still there.
void HttpConnection::break_body(Error error) {
  Transaction& t = *transaction_;
  const int status = error.code == Errc::timed_out ? 408 : 400;
  t.body_broken = true;
  t.close_after = true;
  if (t.use == BodyUse::streaming && !t.body_told) {
    t.body_told = true;
    const auto sink = std::exchange(t.sink, {});
    if (sink.broken) sink.broken(error);
  }
  if (dead_) return;
  t.body_told = true;
  release_collected();
  drop_body();
  if (t.response == Response::none) {
    respond(status, {{"Content-Type", "text/plain; charset=utf-8"}}, std::move(error.message));
  } else if (t.response == Response::started) {
    die(std::move(error));
  }
}

// Nobody wants the rest. (The functions go in settle(): one of them may be running.)
void HttpConnection::drop_body() {
  transaction_->use = BodyUse::dropping;
  transaction_->body_told = true;
  transaction_->paused = false;
}

void HttpConnection::offer_continue() {
  Transaction& t = *transaction_;
  if (!std::exchange(t.expect_continue, false)) return;
  if (t.response != Response::none || t.body.received() > 0 || !held_.empty()) return;
  sent(out_.send(socket_.get(), {"HTTP/1.1 100 Continue\r\n\r\n"}));
}

void HttpConnection::collect_body(std::size_t max_bytes, HttpExchange::BodyDone done) {
  if (dead_ || transaction_->use != BodyUse::undecided) return;
  Transaction& t = *transaction_;
  t.use = BodyUse::collecting;
  t.max_collected = max_bytes;
  t.done = std::move(done);
  read_progress_ = core_->loop.monotonic();
  if (t.body.left().value_or(0) > max_bytes) {
    drop_body();
    respond(413, {{"Content-Type", "text/plain; charset=utf-8"}},
            fmt::format("the body of this request may have at most {} bytes", max_bytes));
    schedule();
    return;
  }
  offer_continue();
  schedule();
}

void HttpConnection::stream_body(HttpExchange::BodySink sink) {
  if (dead_ || transaction_->use != BodyUse::undecided) return;
  transaction_->use = BodyUse::streaming;
  transaction_->sink = std::move(sink);
  read_progress_ = core_->loop.monotonic();
  offer_continue();
  schedule();
}

void HttpConnection::pause_body(bool paused) {
  if (dead_ || transaction_->paused == paused) return;
  if (transaction_->use != BodyUse::streaming && transaction_->use != BodyUse::undecided) return;
  transaction_->paused = paused;
  read_progress_ = core_->loop.monotonic();
  schedule();
}

void HttpConnection::exchange_dropped() {
  if (!transaction_) return;
  transaction_->exchange = nullptr;
  if (dead_) return;
  if (transaction_->use != BodyUse::dropping && !transaction_->body_told) drop_body();
  switch (transaction_->response) {
    case Response::none:
      if (!end_of_input_) log_warning("a request was given up unanswered");
      respond(500, {{"Content-Type", "text/plain; charset=utf-8"}}, "the request was given up unanswered");
      break;
    case Response::started:
      abort();
      break;
    case Response::complete:
      break;
  }
  schedule();
}

void HttpConnection::on_closed(std::function<void()> callback) {
  if (!transaction_) return;
  transaction_->on_closed = std::move(callback);
  if (end_of_input_) schedule();
}

// ---- time-outs and ends

bool HttpConnection::late(milliseconds now) const {
  if (dead_) return false;
  const HttpServerLimits& limits = core_->limits;
  switch (phase_) {
    case Phase::idle:
      return now - phase_since_ > limits.keep_alive_timeout;
    case Phase::head:
      return now - phase_since_ > limits.head_timeout;
    case Phase::lingering:
      return now - phase_since_ > limits.linger_timeout;
    case Phase::exchange:
      if (!out_.empty() && now - write_progress_ > limits.write_idle_timeout) return true;
      return body_wanted() && now - read_progress_ > limits.body_idle_timeout;
  }
  return false;
}

void HttpConnection::time_out() {
  if (dead_) return;
  const auto self = shared_from_this();
  switch (phase_) {
    case Phase::idle:
    case Phase::lingering:
      die(Error{Errc::cancelled, "the connection was idle"});
      return;
    case Phase::head:
      scan_.reset();
      held_ = std::string();
      refuse(408, "the head of the request did not arrive in time");
      break;
    case Phase::exchange:
      if (!out_.empty()) {
        die(Error{Errc::stalled, "the client takes nothing"});
        return;
      }
      if (transaction_->response == Response::complete) {
        die(Error{Errc::stalled, "the rest of the body does not come"});
        return;
      }
      running_ = true;
      break_body(Error{Errc::timed_out,
                       fmt::format("no byte of the body came for {} ms, after {} bytes",
                                   core_->limits.body_idle_timeout.count(), transaction_->body.received())});
      running_ = false;
      break;
  }
  advance();
}

void HttpConnection::drain() {
  if (dead_) return;
  if (phase_ == Phase::idle || phase_ == Phase::head) {
    die(Error{Errc::cancelled, "the server ends"});
  } else if (transaction_) {
    transaction_->close_after = true;
  }
}

void HttpConnection::close() {
  silent_ = true;
  dead_ = true;
  watch_.want_read(false);
  watch_.want_write(false);
  disk_timer_.reset();
  if (running_) {
    core_->loop.defer([self = shared_from_this()] { self->bury(); });
  } else {
    bury();
  }
}

void HttpConnection::die(Error reason) {
  if (dead_) return;
  dead_ = true;
  death_ = std::move(reason);
  watch_.want_read(false);
  watch_.want_write(false);
  disk_timer_.reset();
  core_->loop.defer([self = shared_from_this()] { self->bury(); });
}

void HttpConnection::bury() {
  if (std::exchange(buried_, true)) return;
  const auto self = shared_from_this();
  // Taken out one by one: a callback may take back what else was asked for, or destroy the server.
  if (transaction_ && !silent_ && transaction_->use == BodyUse::streaming && !transaction_->body_told) {
    transaction_->body_told = true;
    const auto sink = std::exchange(transaction_->sink, {});
    if (sink.broken) sink.broken(death_);
  }
  if (transaction_ && !silent_ && transaction_->file_done) {
    std::exchange(transaction_->file_done, {})(transaction_->file_sent);
  }
  if (transaction_ && !silent_ && transaction_->on_closed) std::exchange(transaction_->on_closed, {})();
  if (transaction_) {
    release_collected();
    const std::unique_ptr<Transaction> over = std::move(transaction_);
    if (over->exchange != nullptr) {
      std::exchange(over->exchange, nullptr)->detach(over->response != Response::none);
    }
  }
  held_ = std::string();
  out_ = SendQueue();
  socket_.reset();
  core_->remove(self);
}

}  // namespace kachery
