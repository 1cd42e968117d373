#include "client/http_call.h"

#include <curl/curl.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <system_error>

#include "base/log.h"

namespace kachery::client {

namespace {

constexpr std::size_t error_text_bytes = 64u << 10;  // of an answer that is no success
using std::chrono::milliseconds;

constexpr long connect_timeout_ms = 5'000;

// CURL and CURLM are both void to the compiler, so each has a deleter of its own.
struct EasyDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct MultiDeleter {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Easy = std::unique_ptr<CURL, EasyDeleter>;
using Multi = std::unique_ptr<CURLM, MultiDeleter>;
using List = std::unique_ptr<curl_slist, ListDeleter>;

// What libcurl's callbacks share.
struct Exchange {
  const HttpCall& call;
  CURL* easy = nullptr;
  HttpReply reply;
  std::optional<Error> error;  // why a callback ended the transfer
  std::uint64_t events = 0;    // callbacks so far: unchanged for the idle time-out, the daemon is stuck
};

std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user) {
  constexpr std::string_view name = "kachery-error:";
  auto& exchange = *static_cast<Exchange*>(user);
  ++exchange.events;
  std::string_view line(data, size * count);
  const bool ours =
      line.size() > name.size() && std::equal(name.begin(), name.end(), line.begin(), [](char a, char b) {
        return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b - 'A' + 'a') : b);
      });
  if (ours) {
    line.remove_prefix(name.size());
    while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
    while (!line.empty() && static_cast<unsigned char>(line.back()) <= ' ') line.remove_suffix(1);
    exchange.reply.error_word = std::string(line.substr(0, 40));
  }
  return size * count;
}

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  ++exchange.events;
  const std::string_view piece(data, size * count);
  long status = 0;
  curl_easy_getinfo(exchange.easy, CURLINFO_RESPONSE_CODE, &status);
  std::string& body = exchange.reply.body;
  if (status != 200) {
    body += piece.substr(0, error_text_bytes - std::min(error_text_bytes, body.size()));
    return piece.size();
  }
  if (exchange.call.sink) {
    const Status taken = exchange.call.sink(piece);
    if (taken) return piece.size();
    exchange.error = taken.error();
    return 0;
  }
  if (piece.size() > exchange.call.max_body_bytes - body.size()) {
    exchange.error = Error{Errc::too_large, fmt::format("the daemon's answer is longer than {} bytes",
                                                        exchange.call.max_body_bytes)};
    return 0;
  }
  body += piece;
  return piece.size();
}

std::size_t on_read(char* buffer, std::size_t size, std::size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  ++exchange.events;
  auto got = exchange.call.source->read(buffer, size * count);
  if (got) return *got;
  exchange.error = got.error();
  return CURL_READFUNC_ABORT;
}

void set_up(Exchange& exchange, curl_slist* headers, char* error_text) {
  CURL* easy = exchange.easy;
  const HttpCall& call = exchange.call;
  curl_easy_setopt(easy, CURLOPT_URL, call.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
  curl_easy_setopt(easy, CURLOPT_PROXY, "");  // http_proxy is not for the daemon next door
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_text);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 512L << 10);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &exchange);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &exchange);
  if (call.method == "POST") {
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    if (call.source != nullptr) {
      curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.source->size));
      curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 1L << 20);
      curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
      curl_easy_setopt(easy, CURLOPT_READDATA, &exchange);
    } else {
      curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.body.size()));
      curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call.body.c_str());
    }
  }
  const auto total_ms = static_cast<long>(call.total_timeout.count());
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, total_ms);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_timeout_ms);
}

Error failure(CURL* easy, CURLcode code, const char* text, const HttpCall& call) {
  const std::string where = call.url.substr(0, call.url.find('/', sizeof "http://"));
  long os_error = 0;
  if (code == CURLE_COULDNT_CONNECT) curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_error);
  const std::string why = os_error != 0 ? std::generic_category().message(static_cast<int>(os_error))
                                        : escaped(*text != '\0' ? text : curl_easy_strerror(code), 200);
  switch (code) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
      return Error{
          Errc::unreachable,
          fmt::format("no daemon answers at {} ({}): start one with `kachery-p2p start-daemon --label "
                      "NAME`, or set KACHERY_P2P_API_HOST and KACHERY_P2P_API_PORT",
                      where, why)};
    case CURLE_OPERATION_TIMEDOUT:
      return Error{Errc::timed_out, fmt::format("the daemon at {} did not answer in time ({})", where, why)};
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_FAIL_REWIND:
      return Error{Errc::unreachable,
                   fmt::format("the connection to the daemon at {} broke ({}): has it ended?", where, why)};
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
      return Error{Errc::internal, fmt::format("libcurl could not work ({})", why)};
    default:
      return Error{Errc::protocol, fmt::format("what answers at {} is no daemon ({})", where, why)};
  }
}

enum class End { finished, cancelled, idle };

// Runs the one transfer of `multi` to its end.
End run(CURLM* multi, const Exchange& exchange, const CancelToken& cancel, CURLcode* result) {
  using Clock = std::chrono::steady_clock;
  const milliseconds idle_timeout = exchange.call.idle_timeout;
  Clock::time_point last_event = Clock::now();
  std::uint64_t events = 0;
  for (;;) {
    int running = 0;
    curl_multi_perform(multi, &running);
    if (running == 0) break;
    if (cancel.requested()) return End::cancelled;
    milliseconds wait{1000};
    if (events != exchange.events) {
      events = exchange.events;
      last_event = Clock::now();
    } else if (idle_timeout.count() > 0) {
      const auto quiet = std::chrono::duration_cast<milliseconds>(Clock::now() - last_event);
      if (quiet >= idle_timeout) return End::idle;
      wait = std::min(wait, idle_timeout - quiet);
    }
    curl_waitfd watched{cancel.fd(), CURL_WAIT_POLLIN, 0};
    curl_multi_poll(multi, &watched, watched.fd >= 0 ? 1 : 0, static_cast<int>(wait.count()), nullptr);
  }
  *result = CURLE_FAILED_INIT;
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
    if (message->msg == CURLMSG_DONE) *result = message->data.result;
  }
  return End::finished;
}

}  // namespace

Result<HttpReply> perform(const HttpCall& call, const CancelToken& cancel) {
  static const CURLcode initialized = curl_global_init(CURL_GLOBAL_DEFAULT);
  const auto no_curl = [] {
    return fail(Errc::internal, "libcurl could not be set up: memory is exhausted");
  };
  if (initialized != CURLE_OK) return no_curl();

  List headers;
  for (const std::string& header : call.headers) {
    curl_slist* longer = curl_slist_append(headers.get(), header.c_str());
    if (longer == nullptr) return no_curl();
    (void)headers.release();
    headers.reset(longer);
  }
  const Multi multi(curl_multi_init());
  const Easy easy(curl_easy_init());
  if (!multi || !easy) return no_curl();

  Exchange exchange{call, easy.get(), {}, {}, 0};
  char error_text[CURL_ERROR_SIZE] = "";
  set_up(exchange, headers.get(), error_text);
  curl_multi_add_handle(multi.get(), easy.get());
  CURLcode result = CURLE_OK;
  const End end = run(multi.get(), exchange, cancel, &result);
  curl_multi_remove_handle(multi.get(), easy.get());

  if (end == End::cancelled) return fail(Errc::cancelled, "cancelled");
  if (end == End::idle) {
    return fail(Errc::timed_out, "the daemon has been silent for {} s: it was given up",
                (call.idle_timeout.count() + 999) / 1000);
  }
  if (exchange.error) return fail(std::move(*exchange.error));
  if (result != CURLE_OK) return fail(failure(easy.get(), result, error_text, call));
  long status = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  exchange.reply.status = static_cast<int>(status);
  return std::move(exchange.reply);
}

}  // namespace kachery::client
