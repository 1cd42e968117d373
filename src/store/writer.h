// How content enters the store: exclusive temporary file -> sync -> link into place -> sync of the directory.
// An object that is there already wins. Used in the worker, in the commands' own process, and (write() only)
// on the loop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"
#include "crypto/sha1.h"
#include "store/manifest.h"
#include "store/store.h"

namespace kachery {

// Bytes of unknown hash, on their way in. Dropping it leaves no rubbish.
class IncomingFile {
 public:
  // Reserves `expected_size` bytes (0: unknown). O_TMPFILE where the file system has it.
  static Result<IncomingFile> create(const Store& store, std::uint64_t expected_size);
  IncomingFile(IncomingFile&&) noexcept;
  IncomingFile& operator=(IncomingFile&&) noexcept;
  ~IncomingFile();

  // Appends and hashes; starts write-back every 16 MB. Never syncs.
  Status write(std::string_view piece);
  std::uint64_t size() const;  // written so far
  int fd() const;

  // Syncs, puts file and manifest in place. Waits for the disk: not on the loop (see jobs.h).
  Result<StoredFile> commit();

 private:
  friend class StoreJobs;
  struct Impl;
  explicit IncomingFile(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Called now and then with the bytes done; false cancels (Errc::cancelled).
using FileProgress = std::function<bool(std::uint64_t done, std::uint64_t total)>;

// Copies and hashes the regular file `path` into the store, durable on return. An error if it changes
// meanwhile.
Result<StoredFile> store_file(const Store& store, const std::string& path, const FileProgress& progress);

// Hashes `path` and writes its .link record (and its manifest as a file). `path` is made absolute.
// Refused: a path inside the store, and a file that changes meanwhile.
Result<StoredFile> link_file(const Store& store, const std::string& path, const FileProgress& progress);

// Small content from memory (manifests, files loaded whole), durable on return.
Result<StoredFile> store_bytes(const Store& store, std::string_view bytes);

}  // namespace kachery
