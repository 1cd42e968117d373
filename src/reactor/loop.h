// The event loop: the one place, with its neighbours in this room, that names libevent.
#pragma once

#include <functional>
#include <memory>

#include "base/error.h"
#include "base/scheduler.h"

struct event_base;

namespace kachery {

// Owner of the process's events. Timers, watches and listeners refer to it: it must outlive them. Making one
// also makes the process ignore SIGPIPE: a write to a closed connection is an error like any other.
class Loop final : public Scheduler {
 public:
  Loop();
  ~Loop() override;
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs until stop(). May be called again after that.
  void run();
  // From one of the loop's callbacks: run() returns when the callbacks that are due have come.
  void stop();
  // One pass without waiting: for tests.
  void run_once();

  milliseconds monotonic() const override;
  std::int64_t wall_ms() const override;
  [[nodiscard]] TimerPtr after(milliseconds delay, Callback callback) override;
  void defer(Callback callback) override;

  event_base* base() const;  // for this room only

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Calls back while `fd` is readable or writable and the direction is wanted (also when the connection broke:
// the system call then says why). Does not own `fd`, which must stay open longer than this. Either callback
// may destroy the watch.
class IoWatch {
 public:
  using Callback = std::function<void()>;
  IoWatch(Loop& loop, int fd, Callback on_readable, Callback on_writable);
  ~IoWatch();
  IoWatch(const IoWatch&) = delete;
  IoWatch& operator=(const IoWatch&) = delete;

  void want_read(bool wanted);
  void want_write(bool wanted);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

// Calls back, from the loop, after the process received `signal_number`. The callback may destroy the watch.
class SignalWatch {
 public:
  SignalWatch(Loop& loop, int signal_number, std::function<void()> callback);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace kachery
