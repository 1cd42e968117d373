// Hashes a partial file from its beginning, chunk by chunk in the store worker, while the rest still arrives:
// each chunk against the manifest (again: it may have been recorded by an earlier process), and all of them
// on into the hash of the whole file.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>

#include "store/jobs.h"

namespace kachery {

class PrefixCheck {
 public:
  // Of one chunk, once, later: whether its bytes are what the manifest says; or an error of the disk.
  using Checked = std::function<void(Result<bool> right)>;

  // All must outlive this. Every chunk but the last must end at a multiple of 64 bytes: see can_check().
  PrefixCheck(StoreJobs& jobs, const PartialFile& partial, Checked checked);

  static bool can_check(const Manifest& manifest);

  // The first chunk that has not been found right; the number of chunks when all have.
  std::size_t next() const { return next_; }
  bool busy() const { return busy_; }
  // Starts on chunk next(), which has arrived. Not while busy().
  void check_next();
  // Of the chunks before next().
  const std::optional<Sha1>& digest() const { return digest_; }

 private:
  void on_hash(Result<StoreJobs::RangeHash> hash);

  StoreJobs& jobs_;
  const PartialFile& partial_;
  Checked checked_;
  std::size_t next_ = 0;
  bool busy_ = false;
  std::optional<Sha1Hasher::Midstate> state_;
  std::optional<Sha1> digest_;
  WorkerTicketPtr ticket_;
};

}  // namespace kachery
