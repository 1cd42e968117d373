// Drives a Worker as the reactor would, with poll(2).
#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <functional>

#include "store/worker.h"

namespace kachery::testing {

// One turn of a loop; waits for the worker if there is nothing to do. `timeout_ms` < 0: as long as it takes.
inline void turn(Worker& worker, int timeout_ms = -1) {
  pollfd watched{worker.fd(), static_cast<short>(POLLIN | (worker.wants_write() ? POLLOUT : 0)), 0};
  const int n = ::poll(&watched, 1, timeout_ms);
  if (n <= 0) return;
  if ((watched.revents & POLLOUT) != 0) worker.on_writable();
  // The descriptor may have changed meanwhile.
  if (watched.fd == worker.fd() && (watched.revents & (POLLIN | POLLHUP | POLLERR)) != 0)
    worker.on_readable();
}

inline void run_until(Worker& worker, const std::function<bool()>& condition) {
  while (!condition()) turn(worker);
}

// Submits by `submit`, given the done() to pass on, and waits for the result.
template <class T, class Submit>
Result<T> await(Worker& worker, Submit submit) {
  std::optional<Result<T>> result;
  const WorkerTicketPtr ticket = submit([&result](Result<T> r) {
    EXPECT_FALSE(result) << "done twice";
    result = std::move(r);
  });
  EXPECT_FALSE(result) << "done within the call";
  run_until(worker, [&] { return result.has_value(); });
  return *std::move(result);
}

}  // namespace kachery::testing
