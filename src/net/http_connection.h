// One connection of the HTTP server: requests in, one at a time, responses out.
//
// Two files: http_connection.cpp reads, decides what comes next, and ends; http_response.cpp writes.
//
// Whatever happens, a connection is taken apart from the loop (bury()), never inside one of its callbacks; it
// is dead() from the moment that it fails. Idle connections hold no buffers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_body.h"
#include "net/http_core.h"
#include "net/http_exchange.h"
#include "net/send_queue.h"

namespace kachery {

class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(std::shared_ptr<HttpCore> core, UniqueFd socket, std::string peer);

  // ---- for the server
  void start();
  void drain();
  void close();                       // at once and silently
  bool late(milliseconds now) const;  // a time-out has passed
  void time_out();                    // do what that means

  // ---- for the exchange in progress
  bool dead() const { return dead_; }
  void exchange_dropped();
  void collect_body(std::size_t max_bytes, HttpExchange::BodyDone done);
  void stream_body(HttpExchange::BodySink sink);
  void pause_body(bool paused);
  void respond(int status, std::vector<http1::Header> headers, std::string body);
  void respond_file(int status, std::vector<http1::Header> headers, UniqueFd file, std::uint64_t offset,
                    std::uint64_t length, std::function<void(std::uint64_t sent)> done);
  void start_response(int status, std::vector<http1::Header> headers);
  void write(std::string_view piece);
  void finish_response();
  void abort();
  std::size_t unsent() const { return out_.memory(); }
  bool responded() const;
  void on_closed(std::function<void()> callback);

 private:
  enum class Phase {
    idle,       // between requests: nothing of the next one has come
    head,       // part of a head has come
    exchange,   // the handler has it, or its response is on its way
    lingering,  // all is said; what the client still sends is read and dropped until it closes
  };
  enum class BodyUse { undecided, collecting, streaming, dropping };
  enum class Response { none, started, complete };

  // One request and its response.
  struct Transaction {
    explicit Transaction(const http1::RequestHead& head);

    ConnectionExchange* exchange = nullptr;  // null once the handler has let go of it
    bool head_method;
    bool http_1_0;
    bool keep_alive;       // the client's wish
    bool expect_continue;  // and 100 was not sent yet

    HttpBodyReader body;
    BodyUse use = BodyUse::undecided;
    bool body_told = false;    // its end was told: by done, end or broken
    bool body_broken = false;  // where it ends will never be known
    bool paused = false;
    std::size_t max_collected = 0;
    std::string collected;  // counted in HttpCore::collected_bytes
    HttpExchange::BodyDone done;
    HttpExchange::BodySink sink;

    Response response = Response::none;
    bool close_after = false;
    bool has_body = true;                   // of the response
    bool chunked = false;                   // the response's framing
    std::optional<std::uint64_t> promised;  // body bytes still owed to a Content-Length given to start()
    std::function<void(std::uint64_t)> file_done;
    std::uint64_t file_sent = 0;
    std::function<void()> on_closed;
  };

  // ---- reading (http_connection.cpp)
  void readable();
  void writable();
  void advance();   // goes on with what has been received, from the loop
  void schedule();  // an advance()
  void consume(std::string_view data);
  void consume_held();
  void run(std::string_view& input);
  bool take_head(std::string_view& input);
  void begin(http1::RequestHead head);
  void refuse(int status, std::string_view message);
  void take_body(std::string_view& input);
  void deliver(std::string_view piece);
  void collect(std::string_view piece);
  void tell_body_end();
  void break_body(Error error);
  void drop_body();
  void offer_continue();
  bool body_wanted() const;  // somebody takes body bytes now
  bool end_exchange();       // if it is over
  void linger();
  void at_end_of_input();
  void settle();
  bool wants_read() const;
  void die(Error reason);
  void bury();
  void release_collected();

  // ---- writing (http_response.cpp)
  bool begin_response(int status, std::vector<http1::Header> headers, std::optional<std::uint64_t> length,
                      std::string& head);
  void flush();
  void sent(const SendQueue::Sent& result);

  const std::shared_ptr<HttpCore> core_;
  UniqueFd socket_;
  IoWatch watch_;  // after socket_: it goes first
  const std::string peer_;

  Phase phase_ = Phase::idle;
  std::string held_;  // received, not yet consumed
  http1::HeadScan scan_;
  std::unique_ptr<Transaction> transaction_;  // in Phase::exchange
  SendQueue out_;
  Scheduler::TimerPtr disk_timer_;  // while a file's bytes are being read from the disk
  std::uint64_t lingered_ = 0;      // bytes dropped in Phase::lingering

  milliseconds phase_since_;
  milliseconds read_progress_;
  milliseconds write_progress_;

  bool end_of_input_ = false;  // the client has shut down its sending side
  bool running_ = false;       // within run(), which looks at what changed itself
  bool scheduled_ = false;
  bool dead_ = false;
  bool buried_ = false;
  bool silent_ = false;  // dies without callbacks
  Error death_;
};

}  // namespace kachery
