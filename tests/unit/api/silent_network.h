// A network in which nobody answers.
#pragma once

#include <memory>

#include "net/http_client.h"
#include "node/node.h"

namespace kachery::testing {

class SilentHttp final : public HttpClient {
 public:
  HttpCallPtr fetch(HttpRequest, Done) override { return std::make_unique<Call>(); }
  HttpCallPtr stream(HttpRequest, Stream) override { return std::make_unique<Call>(); }
  std::uint64_t bytes_sent() const override { return 0; }
  std::uint64_t bytes_received() const override { return 0; }

 private:
  struct Call final : HttpCall {
    void pause(bool) override {}
  };
};

inline NodeOptions options_of_alice() {
  NodeOptions options;
  options.label = "alice";
  options.daemon_version = "kachery-p2p-0.9.0";
  return options;
}

}  // namespace kachery::testing
