#include "reactor/curl_multi.h"

#include <cassert>
#include <cstdlib>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/log.h"

namespace kachery {

namespace {

constexpr long idle_connections = 32;  // kept for reuse

void initialize_curl_once() {
  static const CURLcode result = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (result != CURLE_OK) {
    log_error("libcurl can't be initialized: {}", curl_easy_strerror(result));
    std::abort();
  }
}

}  // namespace

struct CurlMulti::Impl : std::enable_shared_from_this<CurlMulti::Impl> {
  explicit Impl(Loop& the_loop) : loop(the_loop) {
    initialize_curl_once();
    multi = curl_multi_init();
    if (multi == nullptr) {
      log_error("out of memory for libcurl");
      std::abort();
    }
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, &Impl::on_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, &Impl::on_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, idle_connections);
    curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
  }

  // Closes the idle connections, which reports their sockets to on_socket().
  ~Impl() { curl_multi_cleanup(multi); }

  // The callers' handles may be freed from here on.
  void close() {
    alive = false;
    for (const auto& [easy, done] : transfers) curl_multi_remove_handle(multi, easy);
    transfers.clear();
    refused.clear();
    timer.reset();
  }

  static int on_socket(CURL*, curl_socket_t fd, int what, void* user, void*) {
    auto* const self = static_cast<Impl*>(user);
    // A descriptor may have been closed and opened again under the same number since the last report, in
    // which case curl has said CURL_POLL_REMOVE in between: a watch never outlives its socket.
    if (what == CURL_POLL_REMOVE) {
      self->watches.erase(fd);
      return 0;
    }
    auto& watch = self->watches[fd];
    if (!watch) {
      watch = std::make_unique<IoWatch>(
          self->loop, fd, [self, fd] { self->act(fd, CURL_CSELECT_IN); },
          [self, fd] { self->act(fd, CURL_CSELECT_OUT); });
    }
    watch->want_read(what == CURL_POLL_IN || what == CURL_POLL_INOUT);
    watch->want_write(what == CURL_POLL_OUT || what == CURL_POLL_INOUT);
    return 0;
  }

  static int on_timer(CURLM*, long timeout_ms, void* user) {
    auto* const self = static_cast<Impl*>(user);
    self->timer.reset();
    if (timeout_ms >= 0) {
      self->timer = self->loop.after(milliseconds(timeout_ms), [self] { self->act(CURL_SOCKET_TIMEOUT, 0); });
    }
    return 0;
  }

  void act(curl_socket_t fd, int what) {
    const std::shared_ptr<Impl> self = shared_from_this();  // a callback may destroy the CurlMulti
    int running = 0;
    curl_multi_socket_action(multi, fd, what, &running);
    if (after && alive) after();
    report_finished();
  }

  void report_finished() {
    struct Finished {
      Done done;
      CURLcode code;
    };
    // One at a time: what one `done` removes is then no longer reported.
    while (alive) {
      int left = 0;
      const CURLMsg* const message = curl_multi_info_read(multi, &left);
      if (message == nullptr) return;
      if (message->msg != CURLMSG_DONE) continue;
      CURL* const easy = message->easy_handle;
      const CURLcode code = message->data.result;
      const auto entry = transfers.find(easy);
      if (entry == transfers.end()) continue;
      const Done done = std::move(entry->second);
      transfers.erase(entry);
      curl_multi_remove_handle(multi, easy);
      done(code);
    }
  }

  void start(CURL* easy, Done done) {
    assert(!transfers.contains(easy));
    const CURLMcode added = curl_multi_add_handle(multi, easy);
    if (added == CURLM_OK) {
      transfers.emplace(easy, std::move(done));
      return;
    }
    // Only for want of memory, or by misuse; it still completes once and later.
    log_error("libcurl refused a transfer: {}", curl_multi_strerror(added));
    refused.emplace(easy, std::move(done));
    loop.defer([weak = weak_from_this(), easy] {
      const std::shared_ptr<Impl> self = weak.lock();
      if (!self || !self->alive) return;
      const auto entry = self->refused.find(easy);
      if (entry == self->refused.end()) return;
      const Done later = std::move(entry->second);
      self->refused.erase(entry);
      later(CURLE_OUT_OF_MEMORY);
    });
  }

  void remove(CURL* easy) {
    refused.erase(easy);
    if (transfers.erase(easy) > 0) curl_multi_remove_handle(multi, easy);
  }

  Loop& loop;
  CURLM* multi = nullptr;
  std::unordered_map<curl_socket_t, std::unique_ptr<IoWatch>> watches;
  Scheduler::TimerPtr timer;
  std::unordered_map<CURL*, Done> transfers;
  std::unordered_map<CURL*, Done> refused;
  std::function<void()> after;
  bool alive = true;
};

CurlMulti::CurlMulti(Loop& loop) : impl_(std::make_shared<Impl>(loop)) {}

CurlMulti::~CurlMulti() {
  impl_->close();
}

void CurlMulti::start(CURL* easy, Done done) {
  impl_->start(easy, std::move(done));
}

void CurlMulti::remove(CURL* easy) {
  impl_->remove(easy);
}

void CurlMulti::after_callbacks(std::function<void()> callback) {
  impl_->after = std::move(callback);
}

}  // namespace kachery
