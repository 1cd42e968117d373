// The node's key pair on disk, and the locks that keep two daemons from sharing it or a storage directory
// (protocol.md section 3).
#pragma once

#include <string>

#include "base/error.h"
#include "base/unique_fd.h"
#include "crypto/keys.h"

namespace kachery {

// An exclusive lock on a directory, held while the object lives, also against other processes' objects.
class DirectoryLock {
 public:
  // Takes DIRECTORY/`name`; writes `owner` (one line: label, process id, port) into it. Errc::busy names the
  // owner.
  static Result<DirectoryLock> acquire(const std::string& directory, const std::string& name,
                                       const std::string& owner);

 private:
  explicit DirectoryLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

struct Identity {
  KeyPair key;
  std::string directory;  // where the pair was found or made: lock this one too
};

// The pair in `storage_dir`; else the one in `config_dir`; else a new one, made in `config_dir` (created,
// mode 0700). Errors, each with what to do: a private key that group or others can read (Errc::unauthorized),
// half a pair, a public key that does not fit, damaged PEM.
Result<Identity> open_identity(const std::string& storage_dir, const std::string& config_dir);

}  // namespace kachery
