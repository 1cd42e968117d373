// How a call is told to stop, from other threads and signal handlers too.
#pragma once

#include <atomic>

#include "base/unique_fd.h"

namespace kachery::client {

class CancelToken {
 public:
  CancelToken();

  // Async-signal-safe; keeps errno.
  void request() noexcept;
  void reset() noexcept;
  bool requested() const noexcept { return requested_.load(); }
  // Readable while cancelling is requested; -1 if the process was out of descriptors (then waits notice it
  // within a second).
  int fd() const noexcept { return event_.get(); }

 private:
  static_assert(std::atomic<bool>::is_always_lock_free, "signal handlers need it");
  std::atomic<bool> requested_{false};
  UniqueFd event_;
};

}  // namespace kachery::client
