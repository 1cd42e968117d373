// What the flows of transfer/ (and later feeds/) need of the node: who is there, ask one, take a stream from
// one. Tests implement it in a few lines.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/scheduler.h"
#include "node/way.h"
#include "wire/requests.h"

namespace kachery {

class Network {
 public:
  virtual ~Network() = default;

  virtual Scheduler& scheduler() = 0;
  virtual const Pace& pace() const = 0;
  virtual NodeId own_id() const = 0;

  // Nodes with which file and feed data may be exchanged, on any channel that this node has joined
  // (protocol.md section 4), also those thought offline; those last heard from first.
  virtual std::vector<NodeId> data_nodes() const = 0;
  virtual bool may_exchange_data(const NodeId& node) const = 0;
  // "label (abcdef0123)", for messages; escaped.
  virtual std::string display_name(const NodeId& node) const = 0;

  // Signs, sends over the way that fits best, checks the answer. Later, once. Errors: unreachable, timed_out,
  // refused, protocol.
  using Answer = std::function<void(Result<ResponseData>)>;
  [[nodiscard]] virtual OperationPtr request(const NodeId& node, RequestData data, milliseconds timeout,
                                             Answer answer) = 0;

  [[nodiscard]] virtual StreamOperationPtr open_stream(const NodeId& node, const StreamId& stream,
                                                       std::optional<ByteRange> range,
                                                       milliseconds idle_timeout, StreamSink sink) = 0;
};

}  // namespace kachery
