// The store's system calls, behind an interface, so that tests can simulate power loss and full disks.
#pragma once

namespace kachery {

class Env {
 public:
  virtual ~Env() = default;
};

// The operating system's.
Env& posix_env();

}  // namespace kachery
