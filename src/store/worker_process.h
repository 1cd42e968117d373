// What happens inside the worker process. For this room only.
#pragma once

#include "store/worker.h"

namespace kachery {

// Becomes the worker, in a process just forked: runs jobs from `socket` until its other end is closed. All
// other descriptors but stderr are closed.
[[noreturn]] void run_worker_process(int socket, const WorkerJobTable& table);

}  // namespace kachery
