#include "node/replay_guard.h"

#include <sodium.h>

#include <cstdlib>
#include <cstring>

#include "base/limits.h"

namespace kachery {

static_assert(crypto_shorthash_KEYBYTES == 16);

ReplayGuard::ReplayGuard(std::size_t capacity) : capacity_(capacity) {
  randombytes_buf(key_, sizeof key_);
}

Status ReplayGuard::admit(const NodeId& from, const RequestId& id, std::int64_t timestamp,
                          std::int64_t wall_ms) {
  const std::int64_t difference = timestamp - wall_ms;
  if (std::llabs(difference) > limits::clock_skew_ms) {
    return fail(Errc::protocol,
                "the request's time is {} s {} this node's clock: one of the two clocks is wrong",
                std::llabs(difference) / 1000, difference < 0 ? "behind" : "ahead of");
  }
  while (!order_.empty() && (order_.front().until < wall_ms || order_.size() >= capacity_)) {
    seen_.erase(order_.front().digest);
    order_.pop_front();
  }
  std::uint8_t text[NodeId::size + RequestId::size];
  std::memcpy(text, from.bytes().data(), NodeId::size);
  std::memcpy(text + NodeId::size, id.str().data(), RequestId::size);
  std::uint8_t digest_bytes[crypto_shorthash_BYTES];
  crypto_shorthash(digest_bytes, text, sizeof text, key_);
  std::uint64_t digest = 0;
  std::memcpy(&digest, digest_bytes, sizeof digest);
  if (!seen_.insert(digest).second) return fail(Errc::protocol, "the request was received before");
  // An upper bound for any timestamp that is let in, so that the queue stays ordered.
  order_.push_back({wall_ms + 2 * limits::clock_skew_ms, digest});
  return {};
}

}  // namespace kachery
