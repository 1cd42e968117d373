// The handler's side of one request on a connection.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/http_server.h"

namespace kachery {

class HttpConnection;

class ConnectionExchange final : public HttpExchange {
 public:
  ConnectionExchange(std::shared_ptr<HttpConnection> connection, http1::RequestHead head, std::string peer);
  ~ConnectionExchange() override;

  const http1::RequestHead& head() const override { return head_; }
  const std::string& peer_address() const override { return peer_; }
  void collect_body(std::size_t max_bytes, BodyDone done) override;
  void stream_body(BodySink sink) override;
  void pause_body(bool paused) override;
  void respond(int status, std::string_view content_type, std::string body) override;
  void respond(int status, std::vector<http1::Header> headers, std::string body) override;
  void respond_file(int status, std::vector<http1::Header> headers, UniqueFd file, std::uint64_t offset,
                    std::uint64_t length, std::function<void(std::uint64_t sent)> done) override;
  void start(int status, std::vector<http1::Header> headers) override;
  void write(std::string_view piece) override;
  std::size_t unsent() const override;
  void finish() override;
  void abort() override;
  bool responded() const override;
  bool closed() const override;
  void on_closed(std::function<void()> callback) override;

  // The connection is gone or has gone on to another request: from now on nothing has an effect.
  void detach(bool responded);

 private:
  std::shared_ptr<HttpConnection> connection_;  // null once detached
  http1::RequestHead head_;
  std::string peer_;
  bool responded_ = false;  // once detached
};

}  // namespace kachery
