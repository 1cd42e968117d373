#include "reactor/loop.h"

#include <event2/event.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <utility>

#include "base/log.h"
#include "reactor/event_ptr.h"

namespace kachery {

namespace {

// A pass of deferred calls runs those that were there when it began; after so many passes I/O gets its turn.
constexpr int deferred_passes = 16;

using Clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC

timeval to_timeval(Clock::duration duration) {
  const auto us = std::chrono::ceil<std::chrono::microseconds>(duration).count();
  return {static_cast<time_t>(us / 1'000'000), static_cast<suseconds_t>(us % 1'000'000)};
}

class LoopTimer final : public Scheduler::Timer {
 public:
  LoopTimer(event_base* base, milliseconds delay, Scheduler::Callback callback)
      : due_(Clock::now() + std::max(delay, milliseconds(0))),
        callback_(std::move(callback)),
        event_(new_event(base, -1, 0, &LoopTimer::fired, this)) {
    arm();
  }

 private:
  void arm() {
    const timeval wait = to_timeval(std::max(due_ - Clock::now(), Clock::duration::zero()));
    event_add(event_.get(), &wait);
  }

  static void fired(evutil_socket_t, short, void* argument) {
    auto* const self = static_cast<LoopTimer*>(argument);
    // libevent reads a coarse clock, and may be a few milliseconds early.
    if (Clock::now() < self->due_) {
      self->arm();
      return;
    }
    // The callback may destroy this timer, and with it the function.
    const Scheduler::Callback callback = std::move(self->callback_);
    callback();
  }

  Clock::time_point due_;
  Scheduler::Callback callback_;
  EventPtr event_;
};

}  // namespace

EventPtr new_event(event_base* base, evutil_socket_t fd, short what, event_callback_fn callback,
                   void* argument) {
  EventPtr out(event_new(base, fd, what, callback, argument));
  if (!out) {
    log_error("out of memory for an event");
    std::abort();
  }
  return out;
}

struct Loop::Impl {
  struct BaseFree {
    void operator()(event_base* b) const { event_base_free(b); }
  };
  std::unique_ptr<event_base, BaseFree> base;
  std::deque<Callback> deferred;
  bool stopped = false;

  void run_deferred() {
    for (int pass = 0; pass < deferred_passes && !deferred.empty(); ++pass) {
      for (std::size_t left = deferred.size(); left > 0; --left) {
        const Callback callback = std::move(deferred.front());
        deferred.pop_front();
        callback();
      }
    }
  }
};

Loop::Loop() : impl_(std::make_unique<Impl>()) {
  std::signal(SIGPIPE, SIG_IGN);
  event_config* const config = event_config_new();
  if (config != nullptr) {
    // Timers count from when they are made, not from when the pass that makes them began.
    event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME);
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    impl_->base.reset(event_base_new_with_config(config));
    event_config_free(config);
  }
  if (!impl_->base) {
    log_error("libevent can't make an event loop: is the limit of open files (ulimit -n) reached?");
    std::abort();
  }
}

Loop::~Loop() {
  // What deferred calls hold may defer more while it goes.
  while (!impl_->deferred.empty()) {
    const Callback dropped = std::move(impl_->deferred.front());
    impl_->deferred.pop_front();
  }
}

void Loop::run() {
  impl_->stopped = false;
  impl_->run_deferred();
  while (!impl_->stopped) {
    const int wait = impl_->deferred.empty() ? 0 : EVLOOP_NONBLOCK;
    event_base_loop(impl_->base.get(), EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY | wait);
    impl_->run_deferred();
  }
}

void Loop::stop() {
  impl_->stopped = true;
}

void Loop::run_once() {
  impl_->run_deferred();
  // ONCE, because NONBLOCK alone goes on for as long as something is ready.
  event_base_loop(impl_->base.get(), EVLOOP_ONCE | EVLOOP_NONBLOCK);
  impl_->run_deferred();
}

milliseconds Loop::monotonic() const {
  return std::chrono::duration_cast<milliseconds>(Clock::now().time_since_epoch());
}

std::int64_t Loop::wall_ms() const {
  return std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Scheduler::TimerPtr Loop::after(milliseconds delay, Callback callback) {
  return std::make_unique<LoopTimer>(impl_->base.get(), delay, std::move(callback));
}

void Loop::defer(Callback callback) {
  impl_->deferred.push_back(std::move(callback));
}

event_base* Loop::base() const {
  return impl_->base.get();
}

}  // namespace kachery
