// The nodes that offer a file, as one load sees them: who may be asked now, who failed and why, who is
// blamed.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/error.h"
#include "node/network.h"
#include "transfer/finder.h"

namespace kachery {

class ProviderPool {
 public:
  struct Provider {
    NodeId node;
    std::uint64_t size = 0;  // of the file, as offered
    unsigned in_flight = 0;
    unsigned failures = 0;  // since it last delivered
    bool blamed = false;    // sent damaged data: asked no more for this load
    bool resting = false;   // failed too often: asked no more until it offers again
    bool slow = false;      // a chunk was taken from it for its slowness
    bool asked_manifest = false;
    std::optional<Error> error;  // the last one

    bool usable() const { return !blamed && !resting; }
  };

  // At most so many requests in flight per provider, so that a slow one does not hold much.
  static constexpr unsigned max_in_flight = 2;

  // A new provider, or one that has come back: it is usable again unless it is blamed.
  void add(const Offer& offer);

  bool empty() const { return providers_.empty(); }
  bool any_usable() const;
  bool any_usable(std::uint64_t size) const;
  // Usable or not.
  bool any_offering(std::uint64_t size) const;
  // A usable provider that is idle, not slow, and not `except`.
  bool any_spare(std::uint64_t size, const NodeId& except) const;
  // The size that the first usable provider offers.
  std::optional<std::uint64_t> usable_size() const;

  // Who should be asked next for a part of a file of `size` bytes: of those with room, the quickest to trust
  // and the least busy; `avoid` only if there is no other. Nothing if nobody has room.
  std::optional<NodeId> pick(std::uint64_t size, const std::optional<NodeId>& avoid) const;
  // Who should be asked next for the manifest: everybody once.
  std::optional<NodeId> pick_for_manifest();

  void started(const NodeId& node);
  // Ended for a reason that is nobody's fault.
  void stopped(const NodeId& node);
  void delivered(const NodeId& node);
  // Damaged data is blamed; other failures let it rest when they are too many.
  void failed(const NodeId& node, const Error& error);
  // A manifest could not be had: says nothing about the file.
  void manifest_failed(const NodeId& node, const Error& error);
  void too_slow(const NodeId& node);
  // Nobody who offers this size is to be asked, because of `error`.
  void rule_out(std::uint64_t size, const Error& error);

  // What to tell the client when nobody could deliver: the worst that happened, and who did it.
  Error summary(const Network& network) const;

 private:
  Provider* find(const NodeId& node);
  void set_error(Provider& provider, const Error& error);

  std::vector<Provider> providers_;  // in the order of their first offers
};

}  // namespace kachery
