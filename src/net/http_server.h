// An HTTP/1.1 server over raw sockets: keep-alive, pipelining, chunked bodies both ways, Expect:
// 100-continue, back-pressure in both directions, files sent with sendfile(2).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/scheduler.h"
#include "base/unique_fd.h"
#include "codec/http1.h"
#include "codec/json.h"
#include "reactor/loop.h"

namespace kachery {

// One request and its response. Handlers keep the shared pointer as long as they mean to answer; dropping the
// last one unanswered sends a 500, in the middle of a response it breaks the connection. After the connection
// is gone (closed() is true) every call is a no-op, so holders need not care. All calls from the loop only.
class HttpExchange {
 public:
  virtual ~HttpExchange() = default;

  virtual const http1::RequestHead& head() const = 0;
  virtual const std::string& peer_address() const = 0;  // numeric, without port

  // ---- the request's body: call exactly one of these, at once or later; until then nothing is read. A
  // response that is complete before the body is: the rest is dropped, and done, end and broken never come.
  // Collects the whole body, then calls `done` once (later, from the loop). More than `max_bytes`: the client
  // gets a 413 and `done` never comes.
  using BodyDone = std::function<void(std::string body)>;
  virtual void collect_body(std::size_t max_bytes, BodyDone done) = 0;

  // Gives the body to `sink` as it comes.
  struct BodySink {
    // The view is good during the call only. An error ends the exchange: the caller should have responded.
    std::function<void(std::string_view piece)> data;
    // Once, after the last piece.
    std::function<void()> end;
    // Instead of end(), once: the client went away (Errc::unreachable), sent nothing for too long (timed_out)
    // or broke the framing (invalid); in the latter two cases it may still be answered, else it gets a 400 or
    // 408.
    std::function<void(Error)> broken;
  };
  virtual void stream_body(BodySink sink) = 0;
  // Stops and resumes reading the body (back-pressure).
  virtual void pause_body(bool paused) = 0;

  // ---- the response: one respond..., or start and write... and finish.
  virtual void respond(int status, std::string_view content_type, std::string body) = 0;
  virtual void respond(int status, std::vector<http1::Header> headers, std::string body) = 0;
  void respond_json(int status, const Json& value);
  void respond_text(int status, std::string_view text);

  // `length` bytes of `file` from `offset`, by sendfile, a slice of at most 1 MiB per writable event. If the
  // file turns out shorter, the connection is closed, so that the client sees that bytes are missing. `done`
  // (may be empty) is called once with the number of body bytes sent, all or fewer.
  virtual void respond_file(int status, std::vector<http1::Header> headers, UniqueFd file,
                            std::uint64_t offset, std::uint64_t length,
                            std::function<void(std::uint64_t sent)> done) = 0;

  // A chunked response (to an HTTP/1.0 client: until close); with a Content-Length header, that many bytes.
  virtual void start(int status, std::vector<http1::Header> headers) = 0;
  virtual void write(std::string_view piece) = 0;
  // Bytes accepted by write() but not yet by the kernel, with their framing.
  virtual std::size_t unsent() const = 0;
  virtual void finish() = 0;
  // Closes the connection without a proper end: the client notices that the response is broken.
  virtual void abort() = 0;

  virtual bool responded() const = 0;  // a status line was given
  virtual bool closed() const = 0;
  // `callback` comes once, from the loop, if the client goes away before the response is complete; not when
  // the server is destroyed. The latest one set counts. A client that shuts down only its sending side looks
  // the same as one that went: who sets a callback is told, who sets none can still answer it.
  virtual void on_closed(std::function<void()> callback) = 0;
};
using HttpExchangePtr = std::shared_ptr<HttpExchange>;

struct HttpServerLimits {
  std::size_t connections;                 // beyond it, accepting pauses
  std::size_t collected_bytes;             // bodies in memory, all connections together; beyond it: 503
  milliseconds head_timeout{10'000};       // from the first byte of a request to the end of its head
  milliseconds body_idle_timeout{60'000};  // no byte of a body for so long: closed
  milliseconds keep_alive_timeout{75'000};
  milliseconds write_idle_timeout{60'000};  // the client takes nothing for so long: closed
  milliseconds linger_timeout{5'000};       // after the last response, for the client to read it and close
};

class HttpServer {
 public:
  // Called when a request's head has arrived and is well-formed; malformed ones are answered here (400, 413,
  // 414, 417, 431, 501, 505) and never seen. Requests of one connection come one after the other.
  using Handler = std::function<void(HttpExchangePtr)>;

  static Result<std::unique_ptr<HttpServer>> open(Loop& loop, const std::string& host, std::uint16_t port,
                                                  const HttpServerLimits& limits, Handler handler);
  // Closes the listener and every connection.
  ~HttpServer();

  std::uint16_t port() const;
  std::size_t connections() const;
  std::uint64_t bytes_sent() const;  // on the wire, heads and all
  std::uint64_t bytes_received() const;
  // No new connections or requests; idle ones are closed, exchanges in progress go on, and `drained` comes
  // once when none is left.
  void drain(std::function<void()> drained);

 private:
  struct Impl;
  explicit HttpServer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace kachery
