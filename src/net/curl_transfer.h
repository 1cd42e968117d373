// One HTTP call made through libcurl.
#pragma once

#include <curl/curl.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "net/http_client.h"
#include "reactor/curl_multi.h"
#include "reactor/loop.h"

namespace kachery {

class CurlTransfer;

// What the calls of one client share.
//
// libcurl forbids most of its functions inside its own callbacks, and hands a body over in pieces of 16 KiB.
// So its callbacks only take notes: the bytes of one round go into one buffer here, and the user's functions
// are called when curl has returned (deliver_all()), with pieces of up to 512 KiB, free to do anything.
class CurlClientCore : public std::enable_shared_from_this<CurlClientCore> {
 public:
  CurlClientCore(Loop& the_loop, std::string the_user_agent);

  static constexpr std::size_t receive_bytes = 256u << 10;  // at most, by one recv(2)
  static constexpr std::size_t enough_bytes = 256u << 10;   // then a stream waits until they are delivered
  static constexpr std::size_t buffer_bytes = receive_bytes + enough_bytes;

  // Remembers that `transfer` has something to deliver.
  void touch(const std::shared_ptr<CurlTransfer>& transfer);
  void deliver_all();

  // Takes a piece into the shared buffer; false if it is full or in use by another transfer.
  bool buffer(const CurlTransfer& owner, std::string_view piece);
  // What `owner` has in the buffer, until release().
  std::string_view buffered(const CurlTransfer& owner) const;
  void release(const CurlTransfer& owner);

  Loop& loop;
  const std::string user_agent;
  CurlMulti multi;
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;

 private:
  std::vector<std::shared_ptr<CurlTransfer>> touched_;
  std::unique_ptr<char[]> buffer_;
  std::size_t buffered_ = 0;
  const CurlTransfer* owner_ = nullptr;
};

class CurlTransfer : public std::enable_shared_from_this<CurlTransfer> {
 public:
  using Receiver = std::variant<HttpClient::Done, HttpClient::Stream>;
  CurlTransfer(std::shared_ptr<CurlClientCore> core, HttpRequest request, Receiver receiver);
  ~CurlTransfer();
  CurlTransfer(const CurlTransfer&) = delete;
  CurlTransfer& operator=(const CurlTransfer&) = delete;

  void start();
  void cancel();  // ends it without a callback
  void pause(bool paused);
  void deliver();  // what was noted since the last time

 private:
  struct EasyFree {
    void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
  };
  struct SlistFree {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };

  // ---- curl's callbacks
  static std::size_t on_header(char* data, std::size_t, std::size_t size, void* user);
  static std::size_t on_body(char* data, std::size_t, std::size_t size, void* user);
  bool take_header_line(std::string_view line);
  bool take_body(std::string_view piece);
  bool refuse(Errc code, std::string message);  // false, for curl to end the transfer

  Status prepare();
  void set_method();
  void arm_idle_timer(milliseconds delay);
  void finished(CURLcode code);                 // curl is done with it
  void complete(std::optional<Error> failure);  // the user is told, and that's all
  void end();                                   // leaves curl
  bool streaming() const { return std::holds_alternative<HttpClient::Stream>(receiver_); }
  void deliver_piece(std::string_view piece);
  void resume_later();
  Error error_of(CURLcode code) const;
  std::string peer() const;  // "127.0.0.1 port 80", of the URL last asked

  const std::shared_ptr<CurlClientCore> core_;
  const HttpRequest request_;
  Receiver receiver_;
  std::unique_ptr<CURL, EasyFree> easy_;  // until end()
  std::unique_ptr<curl_slist, SlistFree> headers_;
  char error_text_[CURL_ERROR_SIZE] = "";

  HttpResponse response_;
  std::size_t header_bytes_ = 0;  // of the current head
  std::uint64_t body_bytes_ = 0;
  bool head_complete_ = false;  // the final one, after interim responses and redirects
  bool head_told_ = false;
  std::string undelivered_;           // of a streamed body: came when it was being paused
  bool held_ = false;                 // curl waits until what it brought is delivered
  std::optional<Error> own_failure_;  // why we made curl end the transfer
  std::optional<CURLcode> result_;    // curl is done, but not everything is delivered (paused)
  bool touched_ = false;
  bool paused_ = false;
  bool over_ = false;

  milliseconds last_byte_{0};
  bool suspected_ = false;  // of having stalled
  Scheduler::TimerPtr idle_timer_;
  Scheduler::TimerPtr total_timer_;

  friend class CurlClientCore;
};

}  // namespace kachery
