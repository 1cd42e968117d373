// Puts one file together in a partial file: hands missing chunks to providers, checks what they send, and
// then the whole. A file without a manifest is one chunk.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "store/jobs.h"
#include "store/partial_file.h"
#include "transfer/chunk_fetch.h"
#include "transfer/prefix_check.h"
#include "transfer/provider_pool.h"

namespace kachery {

class FileAssembly {
 public:
  enum class State {
    running,
    starved,        // chunks are missing, and no provider can be asked for them now
    complete,       // every byte is in place and checked
    manifest_lies,  // every chunk is what the manifest says, and the file is not
    failed,         // our own disk: see error()
  };
  // What a chunk is asked for by.
  using KeyOf = std::function<FileKey(const ManifestChunk&)>;

  // `woken` is called when advance() may have something to do; all must outlive this. The partial file stays
  // on the disk, to be gone on with, if any chunk of it is worth keeping.
  FileAssembly(Network& network, StoreJobs& jobs, ProviderPool& pool, PartialFile partial, KeyOf key_of,
               std::function<void()> woken);
  ~FileAssembly();
  FileAssembly(const FileAssembly&) = delete;
  FileAssembly& operator=(const FileAssembly&) = delete;

  // Does what can be done now: call it after woken(), when providers were added, and once a second or so.
  void advance();

  State state() const { return state_; }
  const Error& error() const { return error_; }
  std::uint64_t size() const { return partial_.manifest().size; }
  // Bytes in place or arriving. Less than before after a chunk was thrown away.
  std::uint64_t loaded() const;
  // Changes when a damaged chunk was thrown away.
  unsigned thrown_away() const { return thrown_away_; }
  // Chunks that arrived whole and right.
  std::uint64_t deliveries() const { return deliveries_; }
  const std::optional<NodeId>& last_delivery() const { return last_delivery_; }
  PartialFile& partial() { return partial_; }
  // Removes the partial file when this goes.
  void throw_all_away() { keep_ = false; }
  // It has been put in place: nothing is left to clean up.
  void committed() { keep_ = true; }

 private:
  // Where a chunk's bytes in the partial file come from.
  enum class Origin : std::uint8_t { nowhere, earlier_process, provider };
  struct Chunk {
    Origin origin = Origin::nowhere;
    std::optional<NodeId> failed_by;  // last
  };

  void assign_missing();
  void start_fetch(std::size_t index, const NodeId& node);
  void on_fetched(std::size_t index, ChunkFetch::Outcome outcome);
  void take_from_the_slowest();
  void check_prefix();
  void on_checked(Result<bool> right);
  void throw_away(std::size_t index);
  void fail_with(Error error);

  Network& network_;
  ProviderPool& pool_;
  PartialFile partial_;
  const KeyOf key_of_;
  const std::function<void()> woken_;

  State state_ = State::running;
  Error error_;
  std::vector<Chunk> chunks_;
  std::set<std::size_t> missing_;
  std::uint64_t bytes_in_place_ = 0;
  unsigned thrown_away_ = 0;
  std::uint64_t deliveries_ = 0;
  bool keep_ = false;  // the partial file, when this goes
  std::optional<NodeId> last_delivery_;
  PrefixCheck prefix_;
  std::map<std::size_t, std::unique_ptr<ChunkFetch>> fetches_;  // by chunk
};

}  // namespace kachery
