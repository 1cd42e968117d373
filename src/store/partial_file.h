// A file on its way in from other nodes: one data file of the final size, ROOT/tmp/partial/SHA1, and beside
// it a record of which chunks were verified, so that a load goes on after a restart.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "store/manifest.h"
#include "store/store.h"

namespace kachery {

class PartialFile {
 public:
  // Creates, or takes up again if a fitting one is there (same size and chunks); reserves the whole size with
  // fallocate, so that a full disk is known now (Errc::no_space). Locked against other processes and other
  // loads: Errc::busy. `manifest` has at least one chunk; for a file without a manifest: one chunk, the file.
  static Result<PartialFile> open(const Store& store, const Manifest& manifest);
  PartialFile(PartialFile&&) noexcept;
  PartialFile& operator=(PartialFile&&) noexcept;
  ~PartialFile();  // leaves the files for later; see discard()

  int fd() const;
  const Manifest& manifest() const;
  std::string path() const;
  std::string record_path() const;

  // Recorded as verified by an earlier process. A hint only: hash it again before trusting it.
  bool recorded(std::size_t chunk) const;
  // Writes within the file; bounds are checked (Errc::internal). Starts write-back every 16 MB.
  Status write(std::uint64_t offset, std::string_view piece);
  // Records a chunk as verified (or, false, as worthless).
  Status record(std::size_t chunk, bool verified);
  // Removes both files.
  void discard();

 private:
  friend class StoreJobs;
  struct Impl;
  explicit PartialFile(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Removes partial files not touched for `max_age_s` seconds and not locked; returns bytes freed.
std::uint64_t remove_stale_partials(const Store& store, std::int64_t now_s, std::int64_t max_age_s);

}  // namespace kachery
