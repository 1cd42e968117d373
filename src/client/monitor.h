// What a running call tells its caller, and how it learns that it is to stop.
#pragma once

#include <cstdint>

#include "base/error.h"
#include "client/cancel_token.h"
#include "kachery/kachery.h"

namespace kachery::client {

class Monitor {
 public:
  Monitor(const CancelToken& token, kachery_progress_fn progress, void* user)
      : token_(&token), progress_(progress), user_(user) {}

  // `node` is NULL or 64 hex digits. False: stop.
  bool report(std::uint64_t done, std::uint64_t total, const char* node = nullptr) const {
    if (token_->requested()) return false;
    return progress_ == nullptr || progress_(user_, done, total, node) == 0;
  }
  // The same without a report.
  bool go_on() const { return !token_->requested(); }
  // One that reports nothing, for a call's later steps.
  Monitor silent() const { return Monitor(*token_, nullptr, nullptr); }

 private:
  const CancelToken* token_;
  kachery_progress_fn progress_;
  void* user_;
};

inline tl::unexpected<Error> cancelled() {
  return fail(Errc::cancelled, "cancelled");
}

}  // namespace kachery::client
