// Time that passes only when a test says so.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <utility>

#include "base/scheduler.h"

namespace kachery::testing {

class VirtualScheduler final : public Scheduler {
 public:
  milliseconds monotonic() const override { return now_; }
  std::int64_t wall_ms() const override { return wall_start_ + now_.count(); }
  void set_wall_start(std::int64_t wall_ms) { wall_start_ = wall_ms; }

  TimerPtr after(milliseconds delay, Callback callback) override {
    const Key key{now_ + delay, next_++};
    timers_->emplace(key, std::move(callback));
    return std::make_unique<Handle>(timers_, key);
  }

  void defer(Callback callback) override { deferred_.push_back(std::move(callback)); }

  // Runs deferred calls until there are none.
  void settle() {
    while (!deferred_.empty()) {
      Callback callback = std::move(deferred_.front());
      deferred_.pop_front();
      callback();
    }
  }

  // Lets `duration` pass; every timer due in it fires at its own time.
  void advance(milliseconds duration) {
    const milliseconds end = now_ + duration;
    settle();
    while (!timers_->empty() && timers_->begin()->first.first <= end) {
      auto entry = timers_->extract(timers_->begin());
      now_ = entry.key().first;
      entry.mapped()();
      settle();
    }
    now_ = end;
  }

  std::size_t timers() const { return timers_->size(); }

 private:
  using Key = std::pair<milliseconds, std::uint64_t>;
  using Timers = std::map<Key, Callback>;
  class Handle final : public Timer {
   public:
    Handle(std::shared_ptr<Timers> timers, Key key) : timers_(std::move(timers)), key_(key) {}
    ~Handle() override { timers_->erase(key_); }

   private:
    std::shared_ptr<Timers> timers_;
    Key key_;
  };

  milliseconds now_{0};
  std::int64_t wall_start_ = 1'700'000'000'000;
  std::uint64_t next_ = 0;
  std::shared_ptr<Timers> timers_ = std::make_shared<Timers>();
  std::deque<Callback> deferred_;
};

}  // namespace kachery::testing
