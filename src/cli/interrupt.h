// Ctrl-C: the call under way is cancelled, so that it cleans up, and the command ends.
#pragma once

#include "kachery/kachery.h"

namespace kachery::cli {

// From now on SIGINT, SIGTERM and SIGHUP cancel `client`, which must outlive this; a second one ends the
// process at once.
class InterruptGuard {
 public:
  explicit InterruptGuard(kachery_client* client);
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  ~InterruptGuard();
};

// 128 + the signal that came (130 for SIGINT, also if none came).
int interrupted_status();

}  // namespace kachery::cli
