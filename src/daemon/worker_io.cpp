#include "daemon/worker_io.h"

namespace kachery::daemon {

WorkerIo::WorkerIo(Loop& loop, Worker& worker) : loop_(loop), worker_(worker) {
  worker_.interest_changed = [this] { follow(); };
  follow();
}

WorkerIo::~WorkerIo() {
  worker_.interest_changed = {};
}

void WorkerIo::follow() {
  if (!watch_ || fd_ != worker_.fd()) {
    fd_ = worker_.fd();
    watch_.reset();
    watch_ = std::make_unique<IoWatch>(
        loop_, fd_, [this] { worker_.on_readable(); }, [this] { worker_.on_writable(); });
    watch_->want_read(true);
  }
  watch_->want_write(worker_.wants_write());
}

}  // namespace kachery::daemon
