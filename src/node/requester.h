// Sends requests to other nodes: may we, over which way, does the answer fit.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/scheduler.h"
#include "crypto/keys.h"
#include "node/access.h"
#include "node/network.h"
#include "node/remote_nodes.h"
#include "node/way.h"

namespace kachery {

class Requester {
 public:
  // All must outlive it and its operations. `ways`: the preferred first.
  Requester(Scheduler& scheduler, const KeyPair& key, RemoteNodes& nodes, const Access& access,
            std::vector<Way*> ways)
      : scheduler_(scheduler), key_(key), nodes_(nodes), access_(access), ways_(std::move(ways)) {}

  // Checked answer or error, later, once. A way that can't reach the node is followed by the next one that
  // might. Marks the node online or offline by the outcome.
  [[nodiscard]] OperationPtr request(const NodeId& node, RequestData data, milliseconds timeout,
                                     Network::Answer answer);

  [[nodiscard]] StreamOperationPtr open_stream(const NodeId& node, const StreamId& stream,
                                               std::optional<ByteRange> range, milliseconds idle_timeout,
                                               StreamSink sink);

 private:
  class Flow;
  class FailedStream;

  Scheduler& scheduler_;
  const KeyPair& key_;
  RemoteNodes& nodes_;
  const Access& access_;
  std::vector<Way*> ways_;
};

}  // namespace kachery
