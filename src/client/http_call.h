// One HTTP request to the daemon, waited for. No proxies, no redirects, no kept connections.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "client/cancel_token.h"

namespace kachery::client {

// A request body that is produced as it is sent.
struct BodySource {
  std::uint64_t size = 0;
  // Fills up to `room` bytes; 0 is the end.
  std::function<Result<std::size_t>(char* buffer, std::size_t room)> read;
};

struct HttpCall {
  std::string method = "GET";
  std::string url;
  std::vector<std::string> headers;  // "Name: value"
  std::string body;                  // of a POST without `source`
  const BodySource* source = nullptr;
  // Takes the body of a 200 answer in pieces; an error ends the call with it. Without it the body is
  // collected.
  std::function<Status(std::string_view)> sink;
  std::size_t max_body_bytes = 64u << 20;      // of a collected body
  std::chrono::milliseconds total_timeout{0};  // 0: none
  std::chrono::milliseconds idle_timeout{0};   // no byte either way; 0: none
};

struct HttpReply {
  int status = 0;
  std::string body;        // collected: all of a 200 answer without sink, the beginning of any other
  std::string error_word;  // the header Kachery-Error
};

// Any status is a success. Errc::unreachable: no connection, or it broke; timed_out; protocol: not HTTP;
// too_large; cancelled.
Result<HttpReply> perform(const HttpCall& call, const CancelToken& cancel);

}  // namespace kachery::client
