// Refuses requests that are too old, too far ahead, or seen before (protocol.md section 7, [fix]).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string_view>
#include <unordered_set>

#include "base/error.h"
#include "base/ids.h"

namespace kachery {

class ReplayGuard {
 public:
  // Remembers at most `capacity` requests; beyond that the oldest is forgotten, though its time may not be
  // over.
  explicit ReplayGuard(std::size_t capacity);

  // Accepts a verified request once. `timestamp` and `wall_ms`: milliseconds since the epoch; they may differ
  // by limits::clock_skew_ms either way.
  Status admit(const NodeId& from, const RequestId& id, std::int64_t timestamp, std::int64_t wall_ms);

  std::size_t remembered() const { return seen_.size(); }

 private:
  struct Entry {
    std::int64_t until;  // when its timestamp alone would refuse it
    std::uint64_t digest;
  };
  std::size_t capacity_;
  std::uint8_t key_[16];  // so that nobody can make ids that collide
  std::deque<Entry> order_;
  std::unordered_set<std::uint64_t> seen_;
};

}  // namespace kachery
