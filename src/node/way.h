// A way of reaching a node: HTTP now; UDP, WebSocket and proxies are others of the same kind.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "base/error.h"
#include "base/ids.h"
#include "base/scheduler.h"
#include "codec/file_key.h"
#include "codec/json.h"

namespace kachery {

class RemoteNode;

// Something in progress; destroying it ends it without a further callback. It may be destroyed from its own
// callbacks.
class Operation {
 public:
  virtual ~Operation() = default;
};
using OperationPtr = std::unique_ptr<Operation>;

// A stream's receiver. All calls come later, from the loop; done() once, and nothing after it.
struct StreamSink {
  // Announced before the first piece: the position within the stream of the first byte (0 unless `range` was
  // asked for and honoured), and the number of bytes that will come, if known. False refuses: done gets
  // Errc::cancelled.
  std::function<bool(std::uint64_t first, std::optional<std::uint64_t> length)> head;
  // Good during the call only. False: ends it, done gets Errc::cancelled.
  std::function<bool(std::string_view piece)> data;
  // Success only if all announced bytes came. Errors: unreachable, refused (404, 403...), stalled, protocol.
  std::function<void(Status)> done;
};

class StreamOperation : public Operation {
 public:
  // Stops and resumes the flow (back-pressure).
  virtual void pause(bool paused) = 0;
};
using StreamOperationPtr = std::unique_ptr<StreamOperation>;

class Way {
 public:
  virtual ~Way() = default;

  virtual std::string_view name() const = 0;  // "http"
  // Whether it can be tried now, from what is known; no I/O.
  virtual bool carries_requests_to(const RemoteNode& node) const = 0;
  virtual bool carries_streams_from(const RemoteNode& node) const = 0;

  // Sends a signed request and gives the answer as it came, unchecked. Adds to the node's byte counts.
  using Answer = std::function<void(Result<Json>)>;
  [[nodiscard]] virtual OperationPtr send(RemoteNode& node, const Json& signed_request, milliseconds timeout,
                                          Answer answer) = 0;

  // Receives the stream that `node` prepared for us under `stream`. `range`, if given, may be ignored by the
  // node: see StreamSink::head.
  [[nodiscard]] virtual StreamOperationPtr open_stream(const RemoteNode& node, const StreamId& stream,
                                                       std::optional<ByteRange> range,
                                                       milliseconds idle_timeout, StreamSink sink) = 0;
};

}  // namespace kachery
