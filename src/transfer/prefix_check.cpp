#include "transfer/prefix_check.h"

#include <utility>

namespace kachery {

PrefixCheck::PrefixCheck(StoreJobs& jobs, const PartialFile& partial, Checked checked)
    : jobs_(jobs), partial_(partial), checked_(std::move(checked)) {}

bool PrefixCheck::can_check(const Manifest& manifest) {
  for (std::size_t i = 0; i + 1 < manifest.chunks.size(); ++i) {
    if (manifest.chunks[i].range.end % 64 != 0) return false;
  }
  return true;
}

void PrefixCheck::check_next() {
  busy_ = true;
  ticket_ = jobs_.hash_range(partial_.fd(), partial_.manifest().chunks.at(next_).range, state_,
                             [this](Result<StoreJobs::RangeHash> hash) { on_hash(std::move(hash)); });
}

void PrefixCheck::on_hash(Result<StoreJobs::RangeHash> hash) {
  busy_ = false;
  if (!hash) return checked_(fail(hash.error()));
  if (hash->range != partial_.manifest().chunks.at(next_).sha1) return checked_(false);
  state_ = hash->prefix;
  digest_ = hash->prefix_digest;
  ++next_;
  checked_(true);
}

}  // namespace kachery
