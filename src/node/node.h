// One node of the network: its identity, its channels, the nodes that it knows, and the services that keep
// this knowledge fresh. Ties the other files of this room together.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/scheduler.h"
#include "codec/json.h"
#include "crypto/keys.h"
#include "net/http_client.h"
#include "node/network.h"
#include "wire/channel_config.h"
#include "wire/requests.h"

namespace kachery {

struct NodeOptions {
  std::string label;
  bool is_bootstrap = false;
  std::optional<std::string> host;         // --host: what other nodes connect to
  std::optional<std::string> public_url;   // --public-url
  std::optional<std::uint16_t> http_port;  // --port: the public HTTP interface
  std::optional<std::uint16_t> udp_port;
  std::optional<std::uint16_t> web_socket_port;
  std::string daemon_version;  // "kachery-p2p-0.9.0"
  Pace pace;
};

class Node final : public Network {
 public:
  // `scheduler` and `http` must outlive the node.
  Node(Scheduler& scheduler, HttpClient& http, KeyPair key, NodeOptions options);
  ~Node() override;

  // ---- channels

  // Replaces the joined channels, at once: new ones are fetched, their bootstraps probed; left ones
  // forgotten.
  void set_joined_channels(std::vector<JoinedChannel> channels);
  const std::vector<JoinedChannel>& joined_channels() const;
  // Fetches the channels' files again, now.
  void refresh_channels();

  // ---- requests from other nodes

  // Answers requests of one type from authorized nodes; `answer` must be called once, at once or later.
  using Answered = std::function<void(Result<ResponseData>)>;
  using Handler = std::function<void(const Request& request, Answered answer)>;
  void handle(std::string_view request_type, Handler handler);

  // Takes a message that came over the public HTTP interface and gives the signed response, later or at once.
  // Errors and what to answer: invalid, protocol -> 400; unauthorized -> 403; not_found (toNodeId is another
  // node), others -> 500; with the message as text.
  void receive(const Json& message, std::function<void(Result<Json>)> respond);

  // Adds to the node's numHttpBytesSent: what the public HTTP interface sent it.
  void count_http_bytes_sent(const NodeId& node, std::uint64_t bytes);

  ProbeResponse probe_response() const;
  // `remoteNodes` of /stats (protocol.md section 5), with what else is worth knowing.
  Json remote_nodes_json() const;
  // Of each joined channel: {channelConfigUrl, channelLabel|null, isMessageProxy, ..., error|null}.
  Json channels_json() const;
  // Of each bootstrap address: {address, nodeId|null, error|null}.
  Json bootstraps_json() const;

  // ---- Network
  Scheduler& scheduler() override;
  const Pace& pace() const override;
  NodeId own_id() const override;
  std::vector<NodeId> data_nodes() const override;
  bool may_exchange_data(const NodeId& node) const override;
  std::string display_name(const NodeId& node) const override;
  [[nodiscard]] OperationPtr request(const NodeId& node, RequestData data, milliseconds timeout,
                                     Answer answer) override;
  [[nodiscard]] StreamOperationPtr open_stream(const NodeId& node, const StreamId& stream,
                                               std::optional<ByteRange> range, milliseconds idle_timeout,
                                               StreamSink sink) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kachery
