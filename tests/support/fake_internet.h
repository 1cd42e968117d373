// HTTP without sockets: URLs are answered by functions of the test, later, from the virtual scheduler.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/http_client.h"
#include "support/virtual_scheduler.h"

namespace kachery::testing {

class FakeInternet final : public HttpClient {
 public:
  using Respond = std::function<void(Result<HttpResponse>)>;
  // Gets requests whose URL begins with the prefix that it was registered for; may respond later.
  using Host = std::function<void(const HttpRequest&, Respond)>;

  explicit FakeInternet(VirtualScheduler& scheduler) : scheduler_(scheduler) {}

  void host(const std::string& url_prefix, Host host) { hosts_[url_prefix] = std::move(host); }
  void unplug(const std::string& url_prefix) { hosts_.erase(url_prefix); }
  // A fixed text at a URL (whatever its query).
  void page(const std::string& url, int status, std::string body) {
    host(url, [status, body = std::move(body)](const HttpRequest&, const Respond& respond) {
      respond(HttpResponse{status, {}, body});
    });
  }

  HttpCallPtr fetch(HttpRequest request, Done done) override {
    requests.push_back(request);
    auto state = std::make_shared<State>();
    state->done = std::move(done);
    scheduler_.defer([this, state, request = std::move(request)] {
      if (!state->done) return;
      const Respond respond = [this, state](Result<HttpResponse> response) {
        scheduler_.defer([state, response = std::move(response)]() mutable {
          if (const Done call = std::exchange(state->done, nullptr)) call(std::move(response));
        });
      };
      const auto found = std::find_if(hosts_.rbegin(), hosts_.rend(), [&](const auto& entry) {
        return request.url.starts_with(entry.first);
      });
      if (found == hosts_.rend())
        return respond(fail(Errc::unreachable, "could not connect to {}", request.url));
      found->second(request, respond);
    });
    return std::make_unique<Call>(state);
  }

  // A body that arrives whole.
  HttpCallPtr stream(HttpRequest request, Stream stream) override {
    return fetch(std::move(request), [stream = std::move(stream)](Result<HttpResponse> response) {
      if (!response) return stream.done(fail(response.error()));
      HttpResponse head = *response;
      head.body.clear();
      if (!stream.head(head) || !stream.data(response->body))
        return stream.done(fail(Errc::cancelled, "cancelled"));
      stream.done({});
    });
  }

  std::uint64_t bytes_sent() const override { return 0; }
  std::uint64_t bytes_received() const override { return 0; }

  std::vector<HttpRequest> requests;  // all that were made

 private:
  struct State {
    Done done;
  };
  class Call final : public HttpCall {
   public:
    explicit Call(std::shared_ptr<State> state) : state_(std::move(state)) {}
    ~Call() override { state_->done = nullptr; }
    void pause(bool) override {}

   private:
    std::shared_ptr<State> state_;
  };

  VirtualScheduler& scheduler_;
  std::map<std::string, Host> hosts_;
};

}  // namespace kachery::testing
