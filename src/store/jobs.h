// What the loop asks of the store worker, typed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/error.h"
#include "crypto/sha1.h"
#include "store/partial_file.h"
#include "store/store.h"
#include "store/worker.h"
#include "store/writer.h"

namespace kachery {

// Adds the store's jobs to the worker's table.
void add_store_jobs(WorkerJobTable& table, const Store& store);

class StoreJobs {
 public:
  StoreJobs(const Store& store, Worker& worker) : store_(store), worker_(worker) {}

  using Progress = std::function<void(std::uint64_t done, std::uint64_t total)>;
  template <class T>
  using Done = std::function<void(Result<T>)>;

  // Destroying a ticket cancels. `path` is opened by the worker.
  [[nodiscard]] WorkerTicketPtr store_file(const std::string& path, Progress progress, Done<StoredFile> done);
  // `size` and `mtime` (seconds) as the client saw them: a difference in size or of more than 2 ms is
  // Errc::changed.
  [[nodiscard]] WorkerTicketPtr link_file(const std::string& path, std::uint64_t size, double mtime,
                                          Progress progress, Done<StoredFile> done);
  // Sync and into place.
  [[nodiscard]] WorkerTicketPtr commit(IncomingFile file, Done<StoredFile> done);
  [[nodiscard]] WorkerTicketPtr store_bytes(const std::string& bytes, Done<StoredFile> done);

  // Hashes bytes of `fd` (borrowed until submit returns): the range's own SHA-1, and the state of a hash of
  // the file from 0 gone on with over it (whole-file check, fed chunk by chunk while the rest still arrives).
  struct RangeHash {
    Sha1 range;
    std::optional<Sha1Hasher::Midstate> prefix;  // if the range ends at a 64-byte boundary
    Sha1 prefix_digest;  // SHA-1 of bytes [0, range.end); zero if neither `before` nor a start at 0 tell it
  };
  [[nodiscard]] WorkerTicketPtr hash_range(int fd, ByteRange range,
                                           std::optional<Sha1Hasher::Midstate> before, Done<RangeHash> done);

  // Syncs a verified partial file, puts it in place under its manifest's hash, with its manifest when it has
  // more than limits::chunk_bytes; removes its record. The caller has checked every byte. If the manifest's
  // chunks are not of limits::chunk_bytes, the file is hashed once more for one whose are.
  [[nodiscard]] WorkerTicketPtr commit_partial(PartialFile& partial, Done<StoredFile> done);
  // Unlinks (big unlinks take long).
  [[nodiscard]] WorkerTicketPtr remove_stale_partials(std::int64_t max_age_s, Done<std::uint64_t> freed);

 private:
  const Store& store_;
  Worker& worker_;
};

}  // namespace kachery
