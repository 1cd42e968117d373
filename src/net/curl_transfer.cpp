#include "net/curl_transfer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/log.h"

namespace kachery {

namespace {

constexpr long stream_buffer_bytes = CURL_MAX_READ_SIZE;
constexpr std::size_t response_head_bytes = 64u << 10;
constexpr long redirects = 5;
constexpr long idle_connection_seconds = 30;  // some servers close after little more than that

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

std::string_view trimmed(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// "host port N" of a URL, for messages.
std::string place_of(const std::string& url) {
  CURLU* parts = curl_url();
  char* host = nullptr;
  char* port = nullptr;
  std::string place = escaped(url);
  if (parts != nullptr && curl_url_set(parts, CURLUPART_URL, url.c_str(), 0) == CURLUE_OK &&
      curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
      curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
    place = fmt::format("{} port {}", escaped(host), port);
  }
  curl_free(host);
  curl_free(port);
  curl_url_cleanup(parts);
  return place;
}

}  // namespace

CurlTransfer::CurlTransfer(std::shared_ptr<CurlShared> shared, HttpRequest request,
                           HttpClient::Done collected, HttpClient::Stream stream)
    : shared_(std::move(shared)),
      request_(std::move(request)),
      collected_(std::move(collected)),
      stream_(std::move(stream)) {}

CurlTransfer::~CurlTransfer() {
  remove_from_curl();
  curl_easy_cleanup(easy_);
  curl_slist_free_all(header_list_);
}

void CurlTransfer::remove_from_curl() {
  if (std::exchange(started_, false)) shared_->multi.remove(easy_);
}

void CurlTransfer::start_later() {
  shared_->loop.defer([self = shared_from_this()] {
    if (!self->abandoned_) self->start();
  });
}

void CurlTransfer::start() {
  if (Status status = configure(); !status) return finish(std::move(status));
  active_at_ = shared_->loop.monotonic();
  started_ = true;
  shared_->multi.start(easy_, [self = shared_from_this()](CURLcode code) { self->ended(code); });
  watch_idleness();
}

Status CurlTransfer::configure() {
  easy_ = curl_easy_init();
  if (easy_ == nullptr) return fail(Errc::internal, "out of memory for an HTTP request");
  const auto set = [this](CURLoption option, auto value) {
    return curl_easy_setopt(easy_, option, value) == CURLE_OK;
  };
  bool ok = set(CURLOPT_URL, request_.url.c_str()) && set(CURLOPT_PROTOCOLS_STR, "http,https") &&
            set(CURLOPT_NOSIGNAL, 1L) && set(CURLOPT_PROXY, "") && set(CURLOPT_TCP_NODELAY, 1L) &&
            set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1)) &&
            set(CURLOPT_USERAGENT, "kachery-p2p") && set(CURLOPT_MAXAGE_CONN, idle_connection_seconds) &&
            set(CURLOPT_HEADERFUNCTION, &CurlTransfer::on_header) && set(CURLOPT_HEADERDATA, this) &&
            set(CURLOPT_WRITEFUNCTION, &CurlTransfer::on_body) && set(CURLOPT_WRITEDATA, this);
  if (request_.connect_timeout.count() > 0) {
    ok = ok && set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request_.connect_timeout.count()));
  }
  if (request_.total_timeout.count() > 0) {
    ok = ok && set(CURLOPT_TIMEOUT_MS, static_cast<long>(request_.total_timeout.count()));
  }
  if (!collected_) ok = ok && set(CURLOPT_BUFFERSIZE, stream_buffer_bytes);
  if (request_.follow_redirects) {
    const bool secure = request_.url.starts_with("https:");
    ok = ok && set(CURLOPT_FOLLOWLOCATION, 1L) && set(CURLOPT_MAXREDIRS, redirects) &&
         set(CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
  }
  if (request_.method == "POST" || !request_.body.empty()) {
    ok = ok && set(CURLOPT_POST, 1L) && set(CURLOPT_POSTFIELDS, request_.body.data()) &&
         set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
  }
  if (request_.method != "POST" && request_.method != "GET")
    ok = ok && set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  request_.headers.emplace_back("Expect:");
  for (const std::string& header : request_.headers) {
    curl_slist* const list = curl_slist_append(header_list_, header.c_str());
    ok = ok && list != nullptr;
    if (list != nullptr) header_list_ = list;
  }
  ok = ok && set(CURLOPT_HTTPHEADER, header_list_);
  if (!ok) return fail(Errc::invalid, "libcurl can't make a request for {}", escaped(request_.url));
  return {};
}

void CurlTransfer::watch_idleness() {
  if (request_.idle_timeout.count() <= 0) return;
  const milliseconds idle = shared_->loop.monotonic() - active_at_;
  if (idle >= request_.idle_timeout && !wants_pause_) {
    remove_from_curl();
    return finish(fail(Errc::stalled, "{} sent nothing for {} s (after {} bytes)", place_of(request_.url),
                       static_cast<double>(request_.idle_timeout.count()) / 1000, body_bytes_));
  }
  const milliseconds wait = wants_pause_ ? request_.idle_timeout : request_.idle_timeout - idle;
  idle_timer_ = shared_->loop.after(wait, [this] {
    const auto self = shared_from_this();
    watch_idleness();
  });
}

void CurlTransfer::abandon() {
  if (std::exchange(abandoned_, true) || finished_) return;
  idle_timer_.reset();
  shared_->loop.defer([self = shared_from_this()] { self->remove_from_curl(); });
}

void CurlTransfer::pause_later(bool paused) {
  if (wants_pause_ == paused) return;
  wants_pause_ = paused;
  // libcurl may deliver what it holds from within curl_easy_pause(), so not in the caller's call.
  shared_->loop.defer([self = shared_from_this()] {
    if (!self->started_ || self->abandoned_) return;
    self->active_at_ = self->shared_->loop.monotonic();
    curl_easy_pause(self->easy_, self->wants_pause_ ? CURLPAUSE_RECV : CURLPAUSE_CONT);
  });
}

std::size_t CurlTransfer::on_header(char* line, std::size_t size, std::size_t count, void* self) {
  return static_cast<CurlTransfer*>(self)->take_header({line, size * count});
}

std::size_t CurlTransfer::on_body(char* piece, std::size_t size, std::size_t count, void* self) {
  return static_cast<CurlTransfer*>(self)->take_body({piece, size * count});
}

std::size_t CurlTransfer::take_header(std::string_view line) {
  if (abandoned_) return 0;
  active_at_ = shared_->loop.monotonic();
  header_bytes_ += line.size();
  if (header_bytes_ > response_head_bytes) {
    reason_ = Error{Errc::too_large, fmt::format("{} sent more than {} bytes of headers",
                                                 place_of(request_.url), response_head_bytes)};
    return 0;
  }
  // The status line of this response, or of the next one after a redirect or a "100 Continue".
  if (line.starts_with("HTTP/")) {
    response_ = HttpResponse{};
    header_bytes_ = line.size();
    return line.size();
  }
  const std::size_t colon = line.find(':');
  if (colon != std::string_view::npos) {
    response_.headers.emplace_back(lower_case(trimmed(line.substr(0, colon))),
                                   std::string(trimmed(line.substr(colon + 1))));
  }
  return line.size();
}

// False if the transfer is over by the callback's wish.
bool CurlTransfer::deliver_head() {
  if (std::exchange(head_delivered_, true)) return true;
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  response_.status = static_cast<int>(status);
  if (collected_) return true;
  if (!stream_.head(response_)) {
    if (!reason_) reason_ = Error{Errc::cancelled, "the response was refused"};
    return false;
  }
  return !abandoned_;
}

std::size_t CurlTransfer::take_body(std::string_view piece) {
  if (abandoned_) return 0;
  // A callback may give this transfer up, and with it the last reference.
  const auto self = shared_from_this();
  active_at_ = shared_->loop.monotonic();
  shared_->bytes_received += piece.size();
  body_bytes_ += piece.size();
  if (!deliver_head()) return 0;
  if (collected_) {
    if (body_bytes_ > request_.max_body_bytes) {
      reason_ = Error{Errc::too_large, fmt::format("{} sent more than the {} bytes that are accepted",
                                                   place_of(request_.url), request_.max_body_bytes)};
      return 0;
    }
    response_.body += piece;
    return piece.size();
  }
  if (!stream_.data(piece)) {
    if (!reason_) reason_ = Error{Errc::cancelled, "the body was refused"};
    return 0;
  }
  return abandoned_ ? 0 : piece.size();
}

Error CurlTransfer::error_of(CURLcode code) const {
  if (reason_) return *reason_;
  const std::string place = place_of(request_.url);
  switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return {Errc::invalid, fmt::format("{} is not a URL that can be fetched", escaped(request_.url))};
    case CURLE_COULDNT_RESOLVE_HOST:
      return {Errc::unreachable, fmt::format("could not connect to {}: the name is unknown", place)};
    case CURLE_COULDNT_CONNECT: {
      long error = 0;
      curl_easy_getinfo(easy_, CURLINFO_OS_ERRNO, &error);
      return {Errc::unreachable, fmt::format("could not connect to {}{}{}", place, error != 0 ? ": " : "",
                                             error != 0 ? std::strerror(static_cast<int>(error)) : "")};
    }
    case CURLE_OPERATION_TIMEDOUT: {
      curl_off_t ready = 0;
      curl_easy_getinfo(easy_, CURLINFO_PRETRANSFER_TIME_T, &ready);
      if (ready == 0) return {Errc::unreachable, fmt::format("could not connect to {} in time", place)};
      return {Errc::timed_out, fmt::format("{} did not answer within {} s", place,
                                           static_cast<double>(request_.total_timeout.count()) / 1000)};
    }
    case CURLE_PARTIAL_FILE:
      return {Errc::unreachable,
              fmt::format("the connection to {} broke after {} bytes", place, body_bytes_)};
    case CURLE_GOT_NOTHING:
      return {Errc::unreachable, fmt::format("{} closed the connection without an answer", place)};
    case CURLE_WRITE_ERROR:
      return {Errc::cancelled, "cancelled"};
    case CURLE_PEER_FAILED_VERIFICATION:
      return {Errc::unreachable, fmt::format("the certificate of {} is not trusted", place)};
    default:
      return {Errc::unreachable, fmt::format("{}: {}", place, curl_easy_strerror(code))};
  }
}

void CurlTransfer::ended(CURLcode code) {
  started_ = false;
  long head_bytes = 0;
  long request_bytes = 0;
  curl_off_t uploaded = 0;
  curl_easy_getinfo(easy_, CURLINFO_HEADER_SIZE, &head_bytes);
  curl_easy_getinfo(easy_, CURLINFO_REQUEST_SIZE, &request_bytes);
  curl_easy_getinfo(easy_, CURLINFO_SIZE_UPLOAD_T, &uploaded);
  shared_->bytes_received += static_cast<std::uint64_t>(head_bytes);
  shared_->bytes_sent += static_cast<std::uint64_t>(request_bytes) + static_cast<std::uint64_t>(uploaded);
  if (abandoned_) return;
  // A response without a body has a head all the same.
  if (code == CURLE_OK && !deliver_head()) code = CURLE_WRITE_ERROR;
  if (abandoned_) return;
  if (code != CURLE_OK) return finish(fail(error_of(code)));
  finish({});
}

void CurlTransfer::finish(Status status) {
  idle_timer_.reset();
  if (abandoned_ || std::exchange(finished_, true)) return;
  // Out of the members first: the callback may destroy the call, and what it captured has to live through it.
  const HttpClient::Done collected = std::move(collected_);
  const HttpClient::Stream stream = std::move(stream_);
  if (!collected) return stream.done(std::move(status));
  if (!status) return collected(fail(std::move(status).error()));
  collected(std::move(response_));
}

}  // namespace kachery
