// An Env whose n-th call of some kind fails.
#pragma once

#include <cerrno>
#include <set>
#include <string>

#include "support/forwarding_env.h"

namespace kachery::testing {

class FailingEnv final : public ForwardingEnv {
 public:
  // Calls named in `calls` count (all, if empty). The `at`-th of them (from 1) fails with `error`, and if
  // `lasting` every later one too.
  void fail_at(int at, int error, std::set<std::string, std::less<>> calls = {}, bool lasting = false) {
    at_ = at;
    count_ = 0;
    failures_ = 0;
    error_ = error;
    calls_ = std::move(calls);
    lasting_ = lasting;
  }
  void never() { at_ = 0; }
  // How many failed so.
  int failures() const { return failures_; }
  // Files without a name are not to be had, as on some file systems.
  void without_unnamed() { unnamed_ = false; }
  void without_hard_links() { hard_links_ = false; }

 protected:
  int enter(std::string_view call) override {
    if (!unnamed_ && call == "open_unnamed") return -EOPNOTSUPP;
    if (!hard_links_ && (call == "link" || call == "link_fd")) return -EPERM;
    if (at_ == 0 || (!calls_.empty() && !calls_.contains(call))) return 0;
    ++count_;
    if (count_ != at_ && !(lasting_ && count_ > at_)) return 0;
    ++failures_;
    return -error_;
  }

 private:
  int at_ = 0;
  int count_ = 0;
  int failures_ = 0;
  int error_ = EIO;
  bool lasting_ = false;
  bool unnamed_ = true;
  bool hard_links_ = true;
  std::set<std::string, std::less<>> calls_;
};

// What may say that the disk is full.
inline const std::set<std::string, std::less<>>& calls_that_need_space() {
  static const std::set<std::string, std::less<>> calls{"open_unnamed", "write_all", "pwrite_all", "allocate",
                                                        "sync_data",    "sync",      "link_fd",    "link",
                                                        "rename",       "mkdir",     "free_bytes"};
  return calls;
}

}  // namespace kachery::testing
