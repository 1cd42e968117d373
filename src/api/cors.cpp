#include "api/cors.h"

#include <utility>

namespace kachery::api {

namespace {

class CorsExchange final : public HttpExchange {
 public:
  CorsExchange(HttpExchangePtr inner, std::string origin)
      : inner_(std::move(inner)), origin_(std::move(origin)) {}

  const http1::RequestHead& head() const override { return inner_->head(); }
  const std::string& peer_address() const override { return inner_->peer_address(); }
  void collect_body(std::size_t max_bytes, BodyDone done) override {
    inner_->collect_body(max_bytes, std::move(done));
  }
  void stream_body(BodySink sink) override { inner_->stream_body(std::move(sink)); }
  void pause_body(bool paused) override { inner_->pause_body(paused); }

  void respond(int status, std::string_view content_type, std::string body) override {
    respond(status, std::vector<http1::Header>{{"Content-Type", std::string(content_type)}}, std::move(body));
  }
  void respond(int status, std::vector<http1::Header> headers, std::string body) override {
    inner_->respond(status, with_ours(std::move(headers)), std::move(body));
  }
  void respond_file(int status, std::vector<http1::Header> headers, UniqueFd file, std::uint64_t offset,
                    std::uint64_t length, std::function<void(std::uint64_t)> done) override {
    inner_->respond_file(status, with_ours(std::move(headers)), std::move(file), offset, length,
                         std::move(done));
  }
  void start(int status, std::vector<http1::Header> headers) override {
    inner_->start(status, with_ours(std::move(headers)));
  }
  void write(std::string_view piece) override { inner_->write(piece); }
  std::size_t unsent() const override { return inner_->unsent(); }
  void finish() override { inner_->finish(); }
  void abort() override { inner_->abort(); }
  bool responded() const override { return inner_->responded(); }
  bool closed() const override { return inner_->closed(); }
  void on_closed(std::function<void()> callback) override { inner_->on_closed(std::move(callback)); }

 private:
  std::vector<http1::Header> with_ours(std::vector<http1::Header> headers) const {
    headers.push_back({"Access-Control-Allow-Origin", origin_});
    headers.push_back({"Vary", "Origin"});
    return headers;
  }

  HttpExchangePtr inner_;
  std::string origin_;
};

}  // namespace

HttpExchangePtr with_cors(HttpExchangePtr exchange, std::string origin) {
  return std::make_shared<CorsExchange>(std::move(exchange), std::move(origin));
}

void respond_preflight(HttpExchange& exchange, const std::string& methods) {
  exchange.respond(204,
                   {{"Access-Control-Allow-Methods", methods},
                    {"Access-Control-Allow-Headers", "Content-Type, KACHERY-CLIENT-AUTH-CODE"},
                    {"Access-Control-Max-Age", "600"}},
                   std::string());
}

}  // namespace kachery::api
