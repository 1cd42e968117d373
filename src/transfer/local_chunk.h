// Makes a file of a chunk that is a range of a file in this store, a slice at a time.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/scheduler.h"
#include "crypto/sha1.h"
#include "store/jobs.h"

namespace kachery {

class LocalChunk {
 public:
  // Once, later: the path of the file. Errc::damaged: the range is not what its hash says. May destroy this.
  using Done = std::function<void(Result<std::string>)>;
  LocalChunk(Scheduler& scheduler, const Store& store, StoreJobs& jobs, OpenFile source, const Sha1& expected,
             Done done);

 private:
  void step();
  Status copy_slice();
  void commit();
  void finish(Result<std::string> result);

  Scheduler& scheduler_;
  const Store& store_;
  StoreJobs& jobs_;
  OpenFile source_;
  const Sha1 expected_;
  Done done_;
  std::uint64_t copied_ = 0;
  Sha1Hasher hasher_;
  std::optional<IncomingFile> file_;
  Scheduler::TimerPtr next_;
  WorkerTicketPtr ticket_;
};

}  // namespace kachery
