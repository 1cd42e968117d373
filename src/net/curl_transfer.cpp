#include "net/curl_transfer.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "codec/http1.h"

namespace kachery {

namespace {

constexpr std::size_t response_head_bytes = 64u << 10;
constexpr long redirects = 5;
constexpr long idle_connection_seconds = 60;  // less than servers keep theirs

struct UrlFree {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using UrlPtr = std::unique_ptr<CURLU, UrlFree>;

// One part of a URL; empty if it has none.
std::string url_part(const std::string& url, CURLUPart part) {
  const UrlPtr handle(curl_url());
  if (!handle || curl_url_set(handle.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return {};
  char* text = nullptr;
  if (curl_url_get(handle.get(), part, &text, CURLU_DEFAULT_PORT) != CURLUE_OK) return {};
  std::string out(text);
  curl_free(text);
  return out;
}

std::string duration_text(milliseconds time) {
  if (time.count() % 1'000 == 0) return fmt::format("{} s", time.count() / 1'000);
  return fmt::format("{} ms", time.count());
}

std::string_view without_line_end(std::string_view line) {
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  return line;
}

}  // namespace

// ---- what calls share

CurlClientCore::CurlClientCore(Loop& the_loop, std::string the_user_agent)
    : loop(the_loop), user_agent(std::move(the_user_agent)), multi(the_loop) {
  multi.after_callbacks([this] { deliver_all(); });
}

void CurlClientCore::touch(const std::shared_ptr<CurlTransfer>& transfer) {
  if (!std::exchange(transfer->touched_, true)) touched_.push_back(transfer);
}

void CurlClientCore::deliver_all() {
  const auto self = shared_from_this();  // the user may destroy the client
  while (!touched_.empty()) {
    for (const auto& transfer : std::exchange(touched_, {})) transfer->deliver();
  }
}

bool CurlClientCore::buffer(const CurlTransfer& owner, std::string_view piece) {
  if (owner_ != nullptr && owner_ != &owner) return false;
  if (piece.size() > buffer_bytes - buffered_) return false;
  if (!buffer_) buffer_.reset(new char[buffer_bytes]);
  owner_ = &owner;
  std::memcpy(buffer_.get() + buffered_, piece.data(), piece.size());
  buffered_ += piece.size();
  return true;
}

std::string_view CurlClientCore::buffered(const CurlTransfer& owner) const {
  return owner_ == &owner ? std::string_view(buffer_.get(), buffered_) : std::string_view();
}

void CurlClientCore::release(const CurlTransfer& owner) {
  if (owner_ != &owner) return;
  owner_ = nullptr;
  buffered_ = 0;
}

// ---- one call

CurlTransfer::CurlTransfer(std::shared_ptr<CurlClientCore> core, HttpRequest request, Receiver receiver)
    : core_(std::move(core)),
      request_(std::move(request)),
      receiver_(std::move(receiver)),
      easy_(curl_easy_init()) {
  if (!easy_) {
    log_error("out of memory for libcurl");
    std::abort();
  }
}

CurlTransfer::~CurlTransfer() {
  core_->release(*this);
}

void CurlTransfer::start() {
  if (const Status prepared = prepare(); !prepared) {
    core_->loop.defer([weak = weak_from_this(), error = prepared.error()] {
      if (const auto self = weak.lock()) self->complete(error);
    });
    return;
  }
  last_byte_ = core_->loop.monotonic();
  if (request_.idle_timeout.count() > 0) arm_idle_timer(request_.idle_timeout);
  if (request_.total_timeout.count() > 0) {
    total_timer_ = core_->loop.after(request_.total_timeout, [this] {
      complete(Error{Errc::timed_out, fmt::format("{} did not answer in full within {}", peer(),
                                                  duration_text(request_.total_timeout))});
    });
  }
  core_->multi.start(easy_.get(), [weak = weak_from_this()](CURLcode code) {
    if (const auto self = weak.lock()) self->finished(code);
  });
}

Status CurlTransfer::prepare() {
  const std::string scheme = url_part(request_.url, CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") {
    return fail(Errc::invalid, "expected a URL that begins with http:// or https://, got \"{}\"",
                escaped(request_.url));
  }
  CURL* const easy = easy_.get();
  for (const std::string& header : request_.headers) {
    if (header.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
      return fail(Errc::invalid, "a request header contains a line end: \"{}\"", escaped(header));
    }
    headers_.reset(curl_slist_append(headers_.release(), header.c_str()));
  }
  headers_.reset(curl_slist_append(headers_.release(), "Expect:"));
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_.get());
  set_method();

  curl_easy_setopt(easy, CURLOPT_URL, request_.url.c_str());
  curl_easy_setopt(easy, CURLOPT_USERAGENT, core_->user_agent.c_str());
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, scheme == "https" ? "https" : "http,https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, request_.follow_redirects ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_MAXREDIRS, redirects);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);
  curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, idle_connection_seconds);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request_.connect_timeout.count()));
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_text_);
  if (streaming()) {
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, static_cast<long>(CurlClientCore::receive_bytes));
  }
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &CurlTransfer::on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &CurlTransfer::on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
  return {};
}

void CurlTransfer::set_method() {
  CURL* const easy = easy_.get();
  const bool post = request_.method == "POST";
  if (post || !request_.body.empty()) {
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request_.body.c_str());  // not copied
    // curl would call it a form.
    const bool named =
        std::any_of(request_.headers.begin(), request_.headers.end(), [](std::string_view header) {
          return http1::equal_ignoring_case(header.substr(0, header.find(':')), "content-type");
        });
    if (!named) {
      headers_.reset(curl_slist_append(headers_.release(), "Content-Type:"));
      curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_.get());
    }
  } else if (request_.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  }
  const bool curl_knows = request_.body.empty() && (request_.method == "GET" || request_.method == "HEAD");
  if (!post && !curl_knows) {
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  }
}

// ---- what comes from curl

std::size_t CurlTransfer::on_header(char* data, std::size_t, std::size_t size, void* user) {
  auto* const self = static_cast<CurlTransfer*>(user);
  self->core_->bytes_received += size;
  self->last_byte_ = self->core_->loop.monotonic();
  return self->take_header_line({data, size}) ? size : 0;
}

std::size_t CurlTransfer::on_body(char* data, std::size_t, std::size_t size, void* user) {
  auto* const self = static_cast<CurlTransfer*>(user);
  self->last_byte_ = self->core_->loop.monotonic();
  if (self->streaming() &&
      (self->paused_ || !self->undelivered_.empty() || !self->core_->buffer(*self, {data, size}))) {
    self->held_ = true;
    self->core_->touch(self->shared_from_this());
    return CURL_WRITEFUNC_PAUSE;
  }
  self->core_->bytes_received += size;
  if (!self->take_body({data, size})) return 0;
  // curl would go on receiving up to a hundred times, while there is something to receive: tens of megabytes.
  // Paused here, it still hands over what it has received, and leaves the rest with the kernel.
  if (self->streaming() && !self->held_ &&
      self->core_->buffered(*self).size() >= CurlClientCore::enough_bytes) {
    self->held_ = true;
    curl_easy_pause(self->easy_.get(), CURLPAUSE_RECV);
  }
  return size;
}

bool CurlTransfer::refuse(Errc code, std::string message) {
  if (!own_failure_) own_failure_ = Error{code, std::move(message)};
  return false;
}

bool CurlTransfer::take_header_line(std::string_view line) {
  if (head_complete_) return true;  // trailers
  header_bytes_ += line.size();
  line = without_line_end(line);
  if (line.starts_with("HTTP/")) {
    response_ = HttpResponse();
    header_bytes_ = line.size();
    const std::size_t space = line.find(' ');
    if (space != std::string_view::npos) {
      std::from_chars(line.data() + space + 1, line.data() + line.size(), response_.status);
    }
    return true;
  }
  if (header_bytes_ > response_head_bytes || response_.headers.size() > limits::http_headers) {
    return refuse(Errc::protocol, fmt::format("{} sent a head of more than {} bytes or {} fields", peer(),
                                              response_head_bytes, limits::http_headers));
  }
  if (!line.empty()) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return true;
    std::string name(line.substr(0, colon));
    for (char& c : name) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
    }
    std::string_view value = line.substr(colon + 1);
    while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
    while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
    response_.headers.emplace_back(std::move(name), value);
    return true;
  }

  const bool interim = response_.status < 200;
  const bool followed = request_.follow_redirects && response_.status >= 300 && response_.status < 400 &&
                        response_.header("location") != nullptr;
  if (interim || followed) return true;
  head_complete_ = true;
  const std::string* const length = response_.header("content-length");
  if (!streaming() && length != nullptr && request_.method != "HEAD" &&
      std::strtoull(length->c_str(), nullptr, 10) > request_.max_body_bytes) {
    return refuse(Errc::too_large, fmt::format("{} answered with {} bytes, where at most {} are accepted",
                                               peer(), escaped(*length, 30), request_.max_body_bytes));
  }
  if (streaming()) core_->touch(shared_from_this());
  return true;
}

bool CurlTransfer::take_body(std::string_view piece) {
  head_complete_ = true;
  body_bytes_ += piece.size();
  if (streaming()) {
    core_->touch(shared_from_this());
    return true;
  }
  if (piece.size() > request_.max_body_bytes - response_.body.size()) {
    return refuse(Errc::too_large, fmt::format("{} answered with more than the {} bytes that are accepted",
                                               peer(), request_.max_body_bytes));
  }
  response_.body += piece;
  return true;
}

// ---- what goes to the user

void CurlTransfer::deliver() {
  touched_ = false;
  if (over_) return core_->release(*this);
  if (head_complete_ && !std::exchange(head_told_, true)) {
    const auto& stream = std::get<HttpClient::Stream>(receiver_);
    const bool wanted = !stream.head || stream.head(response_);
    if (!wanted) complete(Error{Errc::cancelled, "the response was not wanted"});
  }
  if (!over_ && !paused_ && !undelivered_.empty()) {
    const std::string kept = std::exchange(undelivered_, {});
    deliver_piece(kept);
  }
  const std::string_view fresh = core_->buffered(*this);
  if (!over_ && !fresh.empty()) {
    if (paused_) {
      undelivered_ = fresh;
    } else {
      deliver_piece(fresh);
    }
  }
  core_->release(*this);
  if (!over_ && !paused_ && held_) resume_later();
}

void CurlTransfer::resume_later() {
  core_->loop.defer([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || self->over_ || self->paused_ || !std::exchange(self->held_, false)) return;
    curl_easy_pause(self->easy_.get(), CURLPAUSE_CONT);  // hands over what curl holds
    self->core_->deliver_all();
  });
}

void CurlTransfer::deliver_piece(std::string_view piece) {
  const auto& stream = std::get<HttpClient::Stream>(receiver_);
  const bool wanted = !stream.data || stream.data(piece);
  if (!wanted) complete(Error{Errc::cancelled, "the rest of the response was not wanted"});
}

void CurlTransfer::pause(bool paused) {
  if (over_ || paused_ == paused) return;
  paused_ = paused;
  if (paused) {
    if (!result_) curl_easy_pause(easy_.get(), CURLPAUSE_RECV);
    return;
  }
  core_->loop.defer([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || self->over_ || self->paused_) return;
    self->last_byte_ = self->core_->loop.monotonic();
    self->deliver();
    if (self->over_ || self->paused_) return;
    if (self->result_) {
      self->finished(*self->result_);
    } else {
      self->held_ = false;
      curl_easy_pause(self->easy_.get(), CURLPAUSE_CONT);
      self->core_->deliver_all();
    }
  });
}

void CurlTransfer::arm_idle_timer(milliseconds delay) {
  idle_timer_ = core_->loop.after(delay, [this] {
    const milliseconds silent = core_->loop.monotonic() - last_byte_;
    const bool suspected = std::exchange(suspected_, false);
    if (paused_ || result_) {
      arm_idle_timer(request_.idle_timeout);
    } else if (silent < request_.idle_timeout) {
      arm_idle_timer(request_.idle_timeout - silent);
    } else if (!suspected) {
      // It may be us who did not get to read: look once more when what has come meanwhile was received.
      suspected_ = true;
      arm_idle_timer(milliseconds(0));
    } else {
      complete(Error{Errc::stalled, fmt::format("nothing came from {} for {}, after {} bytes", peer(),
                                                duration_text(request_.idle_timeout), body_bytes_)});
    }
  });
}

void CurlTransfer::finished(CURLcode code) {
  if (over_) return;
  if (paused_) {
    result_ = code;
    return;
  }
  if (own_failure_) return complete(own_failure_);
  if (code != CURLE_OK) return complete(error_of(code));
  complete(std::nullopt);
}

void CurlTransfer::complete(std::optional<Error> failure) {
  if (over_) return;
  const auto self = shared_from_this();
  end();
  // What the functions hold is let go of with the end of the call: it may own the call.
  const Receiver receiver = std::exchange(receiver_, HttpClient::Done());
  if (const auto* const stream = std::get_if<HttpClient::Stream>(&receiver)) {
    if (stream->done) stream->done(failure ? Status(tl::unexpected(*std::move(failure))) : Status());
  } else if (const auto& done = std::get<HttpClient::Done>(receiver)) {
    done(failure ? Result<HttpResponse>(tl::unexpected(*std::move(failure)))
                 : Result<HttpResponse>(std::move(response_)));
  }
}

void CurlTransfer::cancel() {
  if (!over_) end();
}

void CurlTransfer::end() {
  over_ = true;
  idle_timer_.reset();
  total_timer_.reset();
  core_->multi.remove(easy_.get());
  long head = 0;
  curl_off_t body = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_REQUEST_SIZE, &head);
  curl_easy_getinfo(easy_.get(), CURLINFO_SIZE_UPLOAD_T, &body);
  core_->bytes_sent += static_cast<std::uint64_t>(head) + static_cast<std::uint64_t>(body);
  easy_.reset();
}

// ---- errors

std::string CurlTransfer::peer() const {
  const char* effective = nullptr;
  if (easy_) curl_easy_getinfo(easy_.get(), CURLINFO_EFFECTIVE_URL, &effective);
  const std::string url = effective != nullptr && *effective != '\0' ? effective : request_.url;
  return fmt::format("{} port {}", escaped(url_part(url, CURLUPART_HOST), 100),
                     url_part(url, CURLUPART_PORT));
}

Error CurlTransfer::error_of(CURLcode code) const {
  const std::string_view detail = error_text_[0] != '\0' ? error_text_ : curl_easy_strerror(code);
  switch (code) {
    case CURLE_URL_MALFORMAT:
      return {Errc::invalid, fmt::format("\"{}\" is no URL: {}", escaped(request_.url), escaped(detail))};
    case CURLE_COULDNT_RESOLVE_HOST:
      return {Errc::unreachable,
              fmt::format("could not find the address of {}: {}", peer(), escaped(detail))};
    case CURLE_COULDNT_CONNECT: {
      long os_error = 0;
      curl_easy_getinfo(easy_.get(), CURLINFO_OS_ERRNO, &os_error);
      const std::string why =
          os_error != 0 ? std::generic_category().message(static_cast<int>(os_error)) : escaped(detail);
      return {Errc::unreachable, fmt::format("could not connect to {}: {}", peer(), why)};
    }
    case CURLE_OPERATION_TIMEDOUT:
      return {Errc::unreachable, fmt::format("could not connect to {} within {}", peer(),
                                             duration_text(request_.connect_timeout))};
    case CURLE_PARTIAL_FILE: {
      curl_off_t expected = -1;
      curl_easy_getinfo(easy_.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &expected);
      const std::string of = expected >= 0 ? fmt::format("of {} bytes", expected) : "bytes, before the end";
      return {Errc::unreachable,
              fmt::format("the connection to {} ended after {} {}", peer(), body_bytes_, of)};
    }
    case CURLE_GOT_NOTHING:
      return {Errc::unreachable, fmt::format("{} closed the connection without an answer", peer())};
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
      return {Errc::unreachable, fmt::format("the connection to {} broke after {} bytes: {}", peer(),
                                             body_bytes_, escaped(detail))};
    case CURLE_TOO_MANY_REDIRECTS:
      return {Errc::protocol, fmt::format("{} redirected more than {} times", peer(), redirects)};
    case CURLE_UNSUPPORTED_PROTOCOL:
      return {Errc::protocol, fmt::format("{} redirected to another protocol, which is not followed: {}",
                                          peer(), escaped(detail))};
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_HTTP2:
      return {Errc::protocol,
              fmt::format("the answer of {} is not proper HTTP: {}", peer(), escaped(detail))};
    default:
      return {Errc::unreachable, fmt::format("the call to {} failed: {}", peer(), escaped(detail))};
  }
}

}  // namespace kachery
