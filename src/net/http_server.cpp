#include "net/http_server.h"

#include <utility>

#include "net/http_core.h"

namespace kachery {

struct HttpServer::Impl final : HttpCore {
  using HttpCore::HttpCore;
};

Result<std::unique_ptr<HttpServer>> HttpServer::open(Loop& loop, const std::string& host, std::uint16_t port,
                                                     const HttpServerLimits& limits, Handler handler) {
  auto impl = std::make_shared<Impl>(loop, limits, std::move(handler));
  KACHERY_CHECK(impl->listen(host, port));
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::HttpServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpServer::~HttpServer() {
  impl_->close();
}

std::uint16_t HttpServer::port() const {
  return impl_->port();
}

std::size_t HttpServer::connections() const {
  return impl_->connections();
}

std::uint64_t HttpServer::bytes_sent() const {
  return impl_->bytes_sent;
}

std::uint64_t HttpServer::bytes_received() const {
  return impl_->bytes_received;
}

void HttpServer::drain(std::function<void()> drained) {
  impl_->drain(std::move(drained));
}

}  // namespace kachery
