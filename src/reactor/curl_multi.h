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
  // owns `easy` and keeps it until `done` came or remove() was called.
  void start(CURL* easy, Done done);
  // Ends the transfer at once without a call of `done`; harmless when it is over. Not from within one of
  // curl's own callbacks.
  void remove(CURL* easy);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kachery
