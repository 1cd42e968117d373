// One HTTP exchange in libcurl's hands.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <optional>
#include <string>

#include "net/http_client.h"
#include "reactor/curl_multi.h"
#include "reactor/loop.h"

namespace kachery {

// What all transfers of a client share; outlived by none that is started.
struct CurlShared {
  explicit CurlShared(Loop& the_loop) : loop(the_loop), multi(the_loop) {}
  Loop& loop;
  CurlMulti multi;
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
};

// Kept alive by its call, by the deferred steps of its life, and by CurlMulti's callback. User callbacks may
// give it up at any moment: what libcurl holds is taken back later, from the loop, since libcurl forbids it
// inside its own callbacks.
class CurlTransfer : public std::enable_shared_from_this<CurlTransfer> {
 public:
  // A collected body if `collected`, else a streamed one.
  CurlTransfer(std::shared_ptr<CurlShared> shared, HttpRequest request, HttpClient::Done collected,
               HttpClient::Stream stream);
  ~CurlTransfer();
  CurlTransfer(const CurlTransfer&) = delete;
  CurlTransfer& operator=(const CurlTransfer&) = delete;

  void start_later();
  void abandon();  // no callback after this
  void pause_later(bool paused);

 private:
  Status configure();
  void start();
  void watch_idleness();
  void ended(CURLcode code);
  void finish(Status status);
  void remove_from_curl();
  Error error_of(CURLcode code) const;
  bool deliver_head();

  static std::size_t on_header(char* line, std::size_t size, std::size_t count, void* self);
  static std::size_t on_body(char* piece, std::size_t size, std::size_t count, void* self);
  std::size_t take_header(std::string_view line);
  std::size_t take_body(std::string_view piece);

  std::shared_ptr<CurlShared> shared_;
  HttpRequest request_;
  HttpClient::Done collected_;
  HttpClient::Stream stream_;
  HttpResponse response_;
  std::size_t header_bytes_ = 0;
  std::uint64_t body_bytes_ = 0;
  bool head_delivered_ = false;
  bool abandoned_ = false;
  bool finished_ = false;
  bool started_ = false;
  bool wants_pause_ = false;
  std::optional<Error> reason_;  // why a callback of ours ended the transfer
  milliseconds active_at_{0};
  Scheduler::TimerPtr idle_timer_;
  CURL* easy_ = nullptr;
  curl_slist* header_list_ = nullptr;
};

}  // namespace kachery
