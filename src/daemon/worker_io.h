// The store worker's socket on the loop.
#pragma once

#include <memory>

#include "reactor/loop.h"
#include "store/worker.h"

namespace kachery::daemon {

// Reads from the worker always, writes while there is something to write; follows it to a new socket when it
// was restarted. Both must outlive it; sets worker.interest_changed.
class WorkerIo {
 public:
  WorkerIo(Loop& loop, Worker& worker);
  ~WorkerIo();
  WorkerIo(const WorkerIo&) = delete;
  WorkerIo& operator=(const WorkerIo&) = delete;

 private:
  void follow();

  Loop& loop_;
  Worker& worker_;
  int fd_ = -1;
  std::unique_ptr<IoWatch> watch_;
};

}  // namespace kachery::daemon
