#include "net/curl_http_client.h"

#include <utility>

#include "net/curl_transfer.h"

namespace kachery {

namespace {

class CurlCall final : public HttpCall {
 public:
  explicit CurlCall(std::shared_ptr<CurlTransfer> transfer) : transfer_(std::move(transfer)) {}
  ~CurlCall() override { transfer_->cancel(); }
  void pause(bool paused) override { transfer_->pause(paused); }

 private:
  std::shared_ptr<CurlTransfer> transfer_;
};

class CurlHttpClient final : public HttpClient {
 public:
  CurlHttpClient(Loop& loop, std::string user_agent)
      : core_(std::make_shared<CurlClientCore>(loop, std::move(user_agent))) {}

  HttpCallPtr fetch(HttpRequest request, Done done) override {
    return begin(std::move(request), std::move(done));
  }
  HttpCallPtr stream(HttpRequest request, Stream stream) override {
    return begin(std::move(request), std::move(stream));
  }
  std::uint64_t bytes_sent() const override { return core_->bytes_sent; }
  std::uint64_t bytes_received() const override { return core_->bytes_received; }

 private:
  HttpCallPtr begin(HttpRequest request, CurlTransfer::Receiver receiver) {
    auto transfer = std::make_shared<CurlTransfer>(core_, std::move(request), std::move(receiver));
    transfer->start();
    return std::make_unique<CurlCall>(std::move(transfer));
  }

  std::shared_ptr<CurlClientCore> core_;
};

}  // namespace

std::unique_ptr<HttpClient> make_curl_http_client(Loop& loop, std::string user_agent) {
  return std::make_unique<CurlHttpClient>(loop, std::move(user_agent));
}

}  // namespace kachery
