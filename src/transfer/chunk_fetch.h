// One chunk from one provider, straight to its place in the partial file and hashed as it arrives.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "crypto/sha1.h"
#include "store/partial_file.h"
#include "transfer/stream_fetch.h"

namespace kachery {

class ChunkFetch {
 public:
  struct Outcome {
    // Success: the whole chunk is in its place and its hash is right. Errc::damaged: the provider sent
    // something else than the chunk; any other error: it could not or would not send it.
    Status status;
    // The error is of our own disk, and not the provider's fault.
    bool own_fault = false;
  };
  struct Callbacks {
    std::function<void()> progress;
    // Once, later. May destroy the fetch.
    std::function<void(Outcome)> done;
  };

  // `key` names the bytes that belong at chunk.range; `partial` must outlive this.
  ChunkFetch(Network& network, const NodeId& node, const FileKey& key, const ManifestChunk& chunk,
             PartialFile& partial, Callbacks callbacks);

  const NodeId& node() const { return node_; }
  std::uint64_t size() const { return chunk_.range.size(); }
  std::uint64_t received() const { return received_; }
  milliseconds started() const { return started_; }

 private:
  Status on_length(std::uint64_t length) const;
  Status on_data(std::string_view piece);
  void on_done(Status status);

  const NodeId node_;
  const ManifestChunk chunk_;
  const milliseconds started_;
  PartialFile& partial_;
  Callbacks callbacks_;
  std::uint64_t received_ = 0;
  bool own_fault_ = false;
  Sha1Hasher hasher_;
  StreamFetch stream_;  // last: its callbacks use the others
};

}  // namespace kachery
