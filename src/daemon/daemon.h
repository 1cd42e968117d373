// The daemon, put together.
#pragma once

#include <memory>

#include "base/error.h"
#include "daemon/environment.h"
#include "daemon/options.h"

namespace kachery::daemon {

class Daemon {
 public:
  // Everything that can fail at start-up: directories, locks, keys, the worker, ports. Nothing of an earlier
  // run is changed before the ports are open. Each error is one sentence that says what to do.
  static Result<std::unique_ptr<Daemon>> start(const Options& options, const Environment& environment);
  ~Daemon();

  // Runs until a signal or /halt ends it, cleanly.
  void run();

 private:
  struct Impl;
  explicit Daemon(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace kachery::daemon
