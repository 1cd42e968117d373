// A client that talks to a server of the test.
#pragma once

#include "net/curl_http_client.h"
#include "unit/net/server_fixture.h"

namespace kachery::testing {

class CurlHttpClientTest : public ServerTest {
 protected:
  std::string url(std::string_view path = "/") const {
    return "http://127.0.0.1:" + std::to_string(server->port()) + std::string(path);
  }
  std::string peer() const { return "127.0.0.1 port " + std::to_string(server->port()); }

  Result<HttpResponse> fetch(HttpRequest request) {
    std::optional<Result<HttpResponse>> out;
    bool within = true;
    const auto call = client->fetch(std::move(request), [&](Result<HttpResponse> result) {
      EXPECT_FALSE(within);
      EXPECT_FALSE(out);
      out = std::move(result);
    });
    within = false;
    run_until(loop, [&] { return out.has_value(); });
    settle(loop);
    return *std::move(out);
  }
  HttpRequest request(std::string_view path = "/") const {
    HttpRequest out;
    out.url = url(path);
    return out;
  }

  struct Streamed {
    int status = 0;
    std::string body;
    std::size_t largest_piece = 0;
    std::optional<Status> done;

    HttpClient::Stream receiver() {
      return {[this](const HttpResponse& head) {
                EXPECT_EQ(status, 0);
                EXPECT_EQ(head.body, "");
                status = head.status;
                return true;
              },
              [this](std::string_view piece) {
                EXPECT_NE(status, 0);
                EXPECT_FALSE(piece.empty());
                body += piece;
                largest_piece = std::max(largest_piece, piece.size());
                return true;
              },
              [this](Status result) {
                EXPECT_FALSE(done);
                done = std::move(result);
              }};
    }
  };

  std::unique_ptr<HttpClient> client = make_curl_http_client(loop, "kachery-p2p/1.2.3");
};

}  // namespace kachery::testing
