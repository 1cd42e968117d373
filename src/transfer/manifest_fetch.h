// A manifest from one provider: small enough to be received into memory.
#pragma once

#include <functional>
#include <string>

#include "crypto/sha1.h"
#include "transfer/stream_fetch.h"

namespace kachery {

class ManifestFetch {
 public:
  // Once, later: the manifest's bytes, whose hash is right. Errc::damaged: other bytes came. May destroy the
  // fetch.
  using Done = std::function<void(Result<std::string>)>;
  ManifestFetch(Network& network, const NodeId& node, const Sha1& manifest, Done done);

 private:
  void on_done(Status status);

  const Sha1 expected_;
  Done done_;
  std::string text_;
  Sha1Hasher hasher_;
  StreamFetch stream_;  // last: its callbacks use the others
};

}  // namespace kachery
