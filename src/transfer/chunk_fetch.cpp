#include "transfer/chunk_fetch.h"

#include <utility>

namespace kachery {

ChunkFetch::ChunkFetch(Network& network, const NodeId& node, const FileKey& key, const ManifestChunk& chunk,
                       PartialFile& partial, Callbacks callbacks)
    : node_(node),
      chunk_(chunk),
      started_(network.scheduler().monotonic()),
      partial_(partial),
      callbacks_(std::move(callbacks)),
      stream_(network, node, key,
              {[this](std::uint64_t length) { return on_length(length); },
               [this](std::string_view piece) { return on_data(piece); },
               [this](Status status) { on_done(std::move(status)); }}) {}

Status ChunkFetch::on_length(std::uint64_t length) const {
  if (length == size()) return {};
  return fail(Errc::damaged, "announced {} bytes where {} were asked for", length, size());
}

Status ChunkFetch::on_data(std::string_view piece) {
  if (piece.size() > size() - received_) {
    return fail(Errc::damaged, "sent more than the {} bytes that were asked for", size());
  }
  const Status written = partial_.write(chunk_.range.start + received_, piece);
  if (!written) {
    own_fault_ = true;
    return written;
  }
  hasher_.update(piece);
  received_ += piece.size();
  callbacks_.progress();
  return {};
}

void ChunkFetch::on_done(Status status) {
  if (status && received_ < size()) {
    status = fail(Errc::protocol, "sent only {} of {} bytes", received_, size());
  } else if (status && hasher_.finish() != chunk_.sha1) {
    status = fail(Errc::damaged, "sent data that does not match its hash");
  }
  const auto done = std::move(callbacks_.done);
  done(Outcome{std::move(status), own_fault_});  // may have destroyed this
}

}  // namespace kachery
