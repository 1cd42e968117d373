// Takes up a local file in slices: reads and hashes it, and copies it into the store or links it. The flow
// behind store_file() and link_file() and the worker's jobs of these names.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"
#include "crypto/sha1.h"
#include "store/store.h"
#include "store/writer.h"

namespace kachery {

// The status of a file as somebody saw it before.
struct SeenStatus {
  std::uint64_t size = 0;
  double mtime = 0;  // seconds; 2 ms of tolerance
};

class Ingest {
 public:
  enum class Mode { copy, link };

  // Opens the regular file `path`. `seen`: a file of another status is Errc::changed.
  static Result<Ingest> begin(const Store& store, const std::string& path, Mode mode,
                              std::optional<SeenStatus> seen = std::nullopt);

  // Takes up the next 4 MiB or so; true when all is read.
  Result<bool> step();
  std::uint64_t done() const { return done_; }
  std::uint64_t total() const { return static_cast<std::uint64_t>(before_.st_size); }

  // After step() said true; waits for the disk, less so if copied_fd() was synced before.
  Result<StoredFile> finish();
  int copied_fd() const;  // of the copy; -1: a link

 private:
  Ingest(const Store& store, std::string path) : store_(store), path_(std::move(path)) {}
  Status check_unchanged() const;
  Result<StoredFile> write_link();

  Store store_;
  std::string path_;
  UniqueFd source_;
  struct stat before_ {};
  std::uint64_t done_ = 0;
  std::optional<IncomingFile> copy_;  // copy
  FileAndChunkHasher hasher_;         // link
};

}  // namespace kachery
