// Reaching a node over its public HTTP interface (protocol.md section 6).
#pragma once

#include "net/http_client.h"
#include "node/way.h"

namespace kachery {

class HttpWay final : public Way {
 public:
  // `http` must outlive it and its operations. `own_id`: for the path of a stream.
  HttpWay(HttpClient& http, const NodeId& own_id) : http_(http), own_id_(own_id) {}

  std::string_view name() const override { return "http"; }
  bool carries_requests_to(const RemoteNode& node) const override;
  bool carries_streams_from(const RemoteNode& node) const override;
  [[nodiscard]] OperationPtr send(RemoteNode& node, const Json& signed_request, milliseconds timeout,
                                  Answer answer) override;
  [[nodiscard]] StreamOperationPtr open_stream(const RemoteNode& node, const StreamId& stream,
                                               std::optional<ByteRange> range, milliseconds idle_timeout,
                                               StreamSink sink) override;

 private:
  HttpClient& http_;
  NodeId own_id_;
};

}  // namespace kachery
