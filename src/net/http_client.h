// Outgoing HTTP(S): libcurl, driven by our loop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/scheduler.h"

namespace kachery {

struct HttpRequest {
  std::string method = "GET";
  std::string
      url;  // http:// or https://; redirects are followed only for https or to the same scheme, at most 5
  std::vector<std::string> headers;  // "Name: value"
  std::string body;                  // sent if not empty or method is POST
  milliseconds connect_timeout{5'000};
  milliseconds total_timeout{0};          // 0: none
  milliseconds idle_timeout{0};           // no byte received for so long: Errc::stalled; 0: none
  std::size_t max_body_bytes = 4u << 20;  // of a collected body: beyond it Errc::too_large
  bool follow_redirects = false;
};

struct HttpResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;                                          // empty when streamed
  const std::string* header(std::string_view lower_case_name) const;
};

// A call in progress; destroying it ends it without a callback. It may be destroyed from any of its
// callbacks.
class HttpCall {
 public:
  virtual ~HttpCall() = default;
  // Stops and resumes reading a streamed body.
  virtual void pause(bool paused) = 0;
};
using HttpCallPtr = std::unique_ptr<HttpCall>;

// An interface, so that services are tested without sockets.
class HttpClient {
 public:
  virtual ~HttpClient() = default;

  // Any status is a success. Errors: Errc::unreachable (no connection, or it broke), timed_out, stalled,
  // too_large, invalid (bad URL). Comes once, later, from the loop.
  using Done = std::function<void(Result<HttpResponse>)>;
  [[nodiscard]] virtual HttpCallPtr fetch(HttpRequest request, Done done) = 0;

  struct Stream {
    // Status and headers; false refuses the body and ends the call with Errc::cancelled.
    std::function<bool(const HttpResponse& head)> head;
    // A piece of the body, up to 512 KiB; false ends the call with Errc::cancelled.
    std::function<bool(std::string_view piece)> data;
    // Once: all arrived (a body shorter than its Content-Length is Errc::unreachable), or why not.
    std::function<void(Status)> done;
  };
  [[nodiscard]] virtual HttpCallPtr stream(HttpRequest request, Stream stream) = 0;

  virtual std::uint64_t bytes_sent() const = 0;
  virtual std::uint64_t bytes_received() const = 0;
};

}  // namespace kachery
