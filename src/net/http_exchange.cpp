#include "net/http_exchange.h"

#include "net/http_connection.h"

namespace kachery {

void HttpExchange::respond_json(int status, const Json& value) {
  respond(status, "application/json", value.text());
}

void HttpExchange::respond_text(int status, std::string_view text) {
  respond(status, "text/plain; charset=utf-8", std::string(text));
}

ConnectionExchange::ConnectionExchange(std::shared_ptr<HttpConnection> connection, http1::RequestHead head,
                                       std::string peer)
    : connection_(std::move(connection)), head_(std::move(head)), peer_(std::move(peer)) {}

ConnectionExchange::~ConnectionExchange() {
  if (connection_) connection_->exchange_dropped();
}

void ConnectionExchange::detach(bool responded) {
  responded_ = responded;
  connection_.reset();
}

void ConnectionExchange::collect_body(std::size_t max_bytes, BodyDone done) {
  if (connection_) connection_->collect_body(max_bytes, std::move(done));
}

void ConnectionExchange::stream_body(BodySink sink) {
  if (connection_) connection_->stream_body(std::move(sink));
}

void ConnectionExchange::pause_body(bool paused) {
  if (connection_) connection_->pause_body(paused);
}

void ConnectionExchange::respond(int status, std::string_view content_type, std::string body) {
  respond(status, std::vector<http1::Header>{{"Content-Type", std::string(content_type)}}, std::move(body));
}

void ConnectionExchange::respond(int status, std::vector<http1::Header> headers, std::string body) {
  if (connection_) connection_->respond(status, std::move(headers), std::move(body));
}

void ConnectionExchange::respond_file(int status, std::vector<http1::Header> headers, UniqueFd file,
                                      std::uint64_t offset, std::uint64_t length,
                                      std::function<void(std::uint64_t)> done) {
  if (connection_) {
    connection_->respond_file(status, std::move(headers), std::move(file), offset, length, std::move(done));
  }
}

void ConnectionExchange::start(int status, std::vector<http1::Header> headers) {
  if (connection_) connection_->start_response(status, std::move(headers));
}

void ConnectionExchange::write(std::string_view piece) {
  if (connection_) connection_->write(piece);
}

std::size_t ConnectionExchange::unsent() const {
  return connection_ ? connection_->unsent() : 0;
}

void ConnectionExchange::finish() {
  if (connection_) connection_->finish_response();
}

void ConnectionExchange::abort() {
  if (connection_) connection_->abort();
}

bool ConnectionExchange::responded() const {
  return connection_ ? connection_->responded() : responded_;
}

bool ConnectionExchange::closed() const {
  return !connection_ || connection_->dead();
}

void ConnectionExchange::on_closed(std::function<void()> callback) {
  if (connection_) connection_->on_closed(std::move(callback));
}

}  // namespace kachery
