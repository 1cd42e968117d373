// libcurl's multi interface, driven by the loop.
#pragma once

#include <curl/curl.h>

#include <functional>
#include <memory>

#include "reactor/loop.h"

namespace kachery {

class CurlMulti {
 public:
  explicit CurlMulti(Loop& loop);
  ~CurlMulti();
  CurlMulti(const CurlMulti&) = delete;
  CurlMulti& operator=(const CurlMulti&) = delete;

  using Done = std::function<void(CURLcode)>;
  // Starts the transfer of `easy`; `done` comes once, from the loop, never from within start(). The caller
  // owns `easy` and keeps it until `done` came or remove() was called. Not from within one of curl's own
  // callbacks. `done` may start and remove transfers, and may destroy this.
  void start(CURL* easy, Done done);
  // Ends the transfer at once without a call of `done`; harmless when it is over. Not from within one of
  // curl's own callbacks.
  void remove(CURL* easy);

  // Called from the loop after each round of curl's own callbacks and before the `done`s of that round: the
  // place to act on what they brought, where removing and starting transfers is allowed.
  void after_callbacks(std::function<void()> callback);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace kachery
