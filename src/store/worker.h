// The store worker: a child process for whatever waits for a disk or takes long. Generic here; the jobs of
// the store are in jobs.h, those of the databases in db/.
//
// Loop and worker talk over a SOCK_SEQPACKET socketpair, one message a packet: a header, a payload (in a
// memfd when it is larger than 64 KiB), and file descriptors by SCM_RIGHTS. The worker runs its jobs in turn,
// a slice of a few milliseconds of hashing each, so that a long one does not hold up the short ones, and
// looks for new jobs and cancellations between slices.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "codec/json.h"

namespace kachery {

// ---- in the worker process

// A job at work. step() does a slice; destroying an unfinished job cleans up after it.
class WorkerJob {
 public:
  // Nothing: not done yet. A value: the result that goes back.
  using Step = std::optional<Result<Json>>;
  virtual ~WorkerJob() = default;
  virtual Step step() = 0;
  // Reported to the submitter when it changed, a few times a second at most.
  virtual std::uint64_t done_bytes() const { return 0; }
  virtual std::uint64_t total_bytes() const { return 0; }
};

// Makes a job from its arguments. The descriptors are the job's.
using WorkerJobFactory =
    std::function<Result<std::unique_ptr<WorkerJob>>(const Json& arguments, std::vector<UniqueFd> fds)>;
using WorkerJobTable = std::map<std::string, WorkerJobFactory, std::less<>>;

// ---- in the loop's process

// A submitted job; destroying it cancels the job (its done() does not come; what it made is undone or kept
// whole, never half).
class WorkerTicket {
 public:
  virtual ~WorkerTicket() = default;
};
using WorkerTicketPtr = std::unique_ptr<WorkerTicket>;

class Worker {
 public:
  // Forks the worker. `jobs` is used in the child only. Call before anything that a child should not inherit
  // is open; a restarted worker closes all descriptors but its socket and stderr first.
  static Result<std::unique_ptr<Worker>> start(WorkerJobTable jobs);
  ~Worker();  // closes the socket; the worker ends at once

  struct Callbacks {
    std::function<void(std::uint64_t done, std::uint64_t total)> progress;  // may be empty
    // Once, from on_readable() or on_writable(); it may destroy the worker. A job whose worker died is tried
    // once more in a new one if `idempotent`, else it fails with Errc::io. Beyond limits::worker_jobs: busy.
    std::function<void(Result<Json>)> done;
  };
  // Short jobs are done in the order of their submission. At most 8 descriptors, which are duplicated.
  [[nodiscard]] WorkerTicketPtr submit(std::string_view kind, const Json& arguments,
                                       std::vector<int> borrowed_fds, bool idempotent, Callbacks callbacks);

  // For the reactor: watch fd() for reading always and for writing while wants_write(); fd() may change after
  // on_readable() (a restarted worker): `fd_changed` is called then.
  int fd() const;
  bool wants_write() const;
  void on_readable();
  void on_writable();
  std::function<void()> interest_changed;  // wants_write() or fd() changed; set by the owner

  std::size_t pending() const;
  int pid() const;  // for tests and the log

 private:
  struct Impl;
  explicit Worker(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace kachery
