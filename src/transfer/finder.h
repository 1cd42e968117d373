// Asks the nodes of our channels who has a file (protocol.md section 12).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/error.h"
#include "codec/file_key.h"
#include "node/network.h"

namespace kachery {

struct Offer {
  NodeId node;
  std::uint64_t size = 0;
};

class FindFlow {
 public:
  struct Callbacks {
    std::function<void(const Offer&)> offer;  // as they come
    // All have answered, or the time is up: once. `unreachable`: those that could not be asked, with why.
    std::function<void(std::vector<std::pair<NodeId, Error>> unreachable)> done;
  };
  // Asks every data node, at most limits-many at once. Destroying it ends it.
  FindFlow(Network& network, const FileKey& key, milliseconds timeout, Callbacks callbacks);
  ~FindFlow();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace kachery
