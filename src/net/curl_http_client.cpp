#include "net/curl_http_client.h"

#include "net/curl_transfer.h"

namespace kachery {

namespace {

class CurlCall final : public HttpCall {
 public:
  explicit CurlCall(std::shared_ptr<CurlTransfer> transfer) : transfer_(std::move(transfer)) {
    transfer_->start_later();
  }
  ~CurlCall() override { transfer_->abandon(); }
  void pause(bool paused) override { transfer_->pause_later(paused); }

 private:
  std::shared_ptr<CurlTransfer> transfer_;
};

class CurlHttpClient final : public HttpClient {
 public:
  explicit CurlHttpClient(Loop& loop) : shared_(std::make_shared<CurlShared>(loop)) {}

  HttpCallPtr fetch(HttpRequest request, Done done) override {
    return std::make_unique<CurlCall>(
        std::make_shared<CurlTransfer>(shared_, std::move(request), std::move(done), Stream{}));
  }
  HttpCallPtr stream(HttpRequest request, Stream stream) override {
    return std::make_unique<CurlCall>(
        std::make_shared<CurlTransfer>(shared_, std::move(request), nullptr, std::move(stream)));
  }
  std::uint64_t bytes_sent() const override { return shared_->bytes_sent; }
  std::uint64_t bytes_received() const override { return shared_->bytes_received; }

 private:
  std::shared_ptr<CurlShared> shared_;
};

}  // namespace

std::unique_ptr<HttpClient> make_curl_http_client(Loop& loop) {
  return std::make_unique<CurlHttpClient>(loop);
}

}  // namespace kachery
