// Time, as protocol objects see it. The reactor's Loop is the real one; tests pass a virtual one.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

namespace kachery {

using std::chrono::milliseconds;

class Scheduler {
 public:
  using Callback = std::function<void()>;

  // A pending call; destroying it cancels the call.
  class Timer {
   public:
    virtual ~Timer() = default;
  };
  using TimerPtr = std::unique_ptr<Timer>;

  virtual ~Scheduler() = default;

  // Time since some fixed point, never going back.
  virtual milliseconds monotonic() const = 0;
  // Milliseconds since the epoch: the protocol's timestamps.
  virtual std::int64_t wall_ms() const = 0;

  // Calls `callback` once, `delay` (>= 0) from now, from the loop. The callback may destroy its own timer.
  [[nodiscard]] virtual TimerPtr after(milliseconds delay, Callback callback) = 0;

  // Calls `callback` once before the loop waits again, never from within this call; calls come in the order
  // of their deferral. Cannot be cancelled: capture what stays alive, or a weak reference.
  virtual void defer(Callback callback) = 0;
};

// Divides the protocol's periods and time-outs, for tests (KACHERY_P2P_SPEEDUP_FACTOR).
class Pace {
 public:
  Pace() = default;
  explicit Pace(double speedup) : speedup_(speedup > 0 ? speedup : 1.0) {}
  milliseconds operator()(milliseconds t) const {
    return milliseconds(static_cast<milliseconds::rep>(static_cast<double>(t.count()) / speedup_));
  }

 private:
  double speedup_ = 1.0;
};

}  // namespace kachery
