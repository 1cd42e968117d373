#include "node/node.h"

#include <algorithm>

#include "base/limits.h"
#include "base/log.h"
#include "node/access.h"
#include "node/bootstrap_prober.h"
#include "node/channels.h"
#include "node/gossip.h"
#include "node/http_way.h"
#include "node/info_intake.h"
#include "node/remote_nodes.h"
#include "node/request_server.h"
#include "node/requester.h"
#include "wire/fields.h"

namespace kachery {

namespace {

constexpr milliseconds expiry_period{30'000};

}  // namespace

struct Node::Impl {
  Impl(Scheduler& scheduler_in, HttpClient& http, KeyPair key_in, NodeOptions options_in)
      : scheduler(scheduler_in),
        key(std::move(key_in)),
        id(key.public_key()),
        options(std::move(options_in)),
        channels(scheduler, http, options.pace, [this](const Channel&) { channels_changed(); }),
        nodes(id),
        access(scheduler, id, options.is_bootstrap, channels, nodes),
        http_way(http, id),
        requester(scheduler, key, nodes, access, {&http_way}),
        server(scheduler, key, nodes, access),
        prober(scheduler, http, options.pace, id, channels, nodes,
               [this](const NodeId& node) { gossip.bootstrap_appeared(node); }),
        intake(scheduler, access, nodes,
               [this](const NodeId& node, const std::string& url, RemoteNodes::Taken taken) {
                 gossip.info_taken(node, url, taken);
               }),
        gossip(Gossip::Parts{scheduler, options.pace, channels, nodes, access, requester, prober, intake,
                             [this](const Channel& channel) { return own_info(channel); }}) {
    handle_discovery();
    expire_later();
  }

  void channels_changed() {
    prober.update();
    gossip.update();
  }

  void expire_later() {
    // Not paced: an info lives two minutes of real time, however fast the rest runs.
    expiry = scheduler.after(expiry_period, [this] {
      nodes.expire(scheduler.wall_ms());
      expire_later();
    });
  }

  std::optional<Address> http_address() const {
    if (options.public_url) return Address{.host = {}, .port = 0, .url = *options.public_url};
    return own_address(options.http_port);
  }

  std::optional<Address> own_address(std::optional<std::uint16_t> port) const {
    if (!options.host || !port) return std::nullopt;
    return Address{.host = *options.host, .port = static_cast<double>(*port), .url = {}};
  }

  SignedChannelNodeInfo own_info(const Channel& channel) const {
    const AuthorizedNode* entry = channel.authorized(id);
    ChannelNodeInfo info;
    info.channel_config_url = channel.url();
    info.node_id = id;
    info.node_label = options.label;
    info.http_address = http_address();
    info.web_socket_address = own_address(options.web_socket_port);
    // Announced as a proxy or as public only where the configuration allows it; others would not believe it
    // anyway.
    info.is_message_proxy = channel.joined().is_message_proxy && entry != nullptr && entry->is_message_proxy;
    info.is_data_proxy = channel.joined().is_data_proxy && entry != nullptr && entry->is_data_proxy;
    info.is_public = channel.joined().is_public && entry != nullptr && entry->is_public;
    info.timestamp = scheduler.wall_ms();
    return SignedChannelNodeInfo::sign(key, std::move(info));
  }

  void handle_discovery() {
    server.handle("checkAlive",
                  [](const Request&, const Answered& answer) { answer(CheckAliveResponse{true}); });
    server.handle("getChannelInfo", [this](const Request& request, const Answered& answer) {
      answer(channel_info(std::get<GetChannelInfoRequest>(request.data).channel_config_url));
    });
    server.handle("announce", [this](const Request& request, const Answered& answer) {
      const Status status = intake.announce(std::get<AnnounceRequest>(request.data).info);
      AnnounceResponse response;
      response.success = status.has_value();
      if (!status) response.error = status.error().message;
      answer(std::move(response));
    });
  }

  GetChannelInfoResponse channel_info(const std::string& url) const {
    GetChannelInfoResponse response;
    const Channel* channel = channels.find(url);
    std::vector<const SignedChannelNodeInfo*> infos = nodes.infos_of(url, scheduler.wall_ms());
    if (infos.size() > limits::infos_per_answer) {
      // The newest say most.
      std::ranges::nth_element(
          infos, infos.begin() + limits::infos_per_answer,
          [](const auto* a, const auto* b) { return a->body.timestamp > b->body.timestamp; });
      infos.resize(limits::infos_per_answer);
    }
    if (channel != nullptr) response.nodes.push_back(own_info(*channel));
    for (const SignedChannelNodeInfo* info : infos) response.nodes.push_back(*info);
    return response;
  }

  Scheduler& scheduler;
  KeyPair key;
  NodeId id;
  NodeOptions options;
  Channels channels;
  RemoteNodes nodes;
  Access access;
  HttpWay http_way;
  Requester requester;
  RequestServer server;
  BootstrapProber prober;
  InfoIntake intake;
  Gossip gossip;  // refers to all of the above
  Scheduler::TimerPtr expiry;
};

Node::Node(Scheduler& scheduler, HttpClient& http, KeyPair key, NodeOptions options)
    : impl_(std::make_unique<Impl>(scheduler, http, std::move(key), std::move(options))) {}

Node::~Node() = default;

void Node::set_joined_channels(std::vector<JoinedChannel> channels) {
  std::vector<std::string> before;
  for (const auto& [url, channel] : impl_->channels.all()) before.push_back(url);
  impl_->channels.set_joined(std::move(channels));
  if (!impl_->options.is_bootstrap) {
    for (const std::string& url : before) {
      if (impl_->channels.find(url) == nullptr) impl_->nodes.forget_channel(url);
    }
  }
  impl_->channels_changed();
}

const std::vector<JoinedChannel>& Node::joined_channels() const {
  return impl_->channels.joined();
}

void Node::refresh_channels() {
  impl_->channels.refresh();
}

void Node::handle(std::string_view request_type, Handler handler) {
  impl_->server.handle(request_type, std::move(handler));
}

void Node::receive(const Json& message, std::function<void(Result<Json>)> respond) {
  impl_->server.receive(message, std::move(respond));
}

ProbeResponse Node::probe_response() const {
  ProbeResponse response;
  response.daemon_version = impl_->options.daemon_version;
  response.node_id = impl_->id;
  response.is_bootstrap = impl_->options.is_bootstrap;
  response.web_socket_address = impl_->own_address(impl_->options.web_socket_port);
  response.public_udp_socket_address = impl_->own_address(impl_->options.udp_port);
  return response;
}

Json Node::remote_nodes_json() const {
  const std::int64_t now = impl_->scheduler.wall_ms();
  Json out = Json::array();
  for (const RemoteNode* node : impl_->nodes.all()) {
    Json infos = Json::array();
    for (const auto& [url, info] : node->infos) {
      if (!is_expired(info.body, now)) infos.push(info.raw);
    }
    const auto& bootstrap = node->bootstrap;
    out.push(Json::object({
        {"remoteNodeId", node->id().hex()},
        {"channelNodeInfos", infos},
        {"isBootstrap", bootstrap.has_value()},
        {"bootstrapAddress", bootstrap ? bootstrap->address.json() : Json()},
        {"bootstrapWebSocketAddress", bootstrap ? json_or_null(bootstrap->web_socket_address) : Json()},
        {"bootstrapUdpSocketAddress",
         bootstrap ? json_or_null(bootstrap->public_udp_socket_address) : Json()},
        {"localUdpAddressForRemoteNode", Json()},
        {"numUdpBytesSent", 0},
        {"numUdpBytesLost", 0},
        {"numHttpBytesSent", node->http_bytes_sent},
        {"numRequestsSent", node->requests_sent},
        {"numResponsesReceived", node->responses_received},
        {"isOnline", node->online},
        {"isAuthorized", impl_->access.may_exchange_data(node->id())},
    }));
  }
  return out;
}

Json Node::channels_json() const {
  Json out = Json::array();
  for (const auto& [url, channel] : impl_->channels.all()) {
    const JoinedChannel& joined = channel->joined();
    out.push(Json::object({
        {"channelConfigUrl", url},
        {"channelLabel", channel->config() != nullptr ? Json(channel->config()->channel_label) : Json()},
        {"isAuthorized", channel->authorized(impl_->id) != nullptr},
        {"isMessageProxy", joined.is_message_proxy},
        {"isDataProxy", joined.is_data_proxy},
        {"isPublic", joined.is_public},
        {"error", channel->error() ? Json(channel->error()->message) : Json()},
    }));
  }
  return out;
}

Json Node::bootstraps_json() const {
  return impl_->prober.json();
}

void Node::count_http_bytes_sent(const NodeId& id, std::uint64_t bytes) {
  if (RemoteNode* node = impl_->nodes.find(id)) node->http_bytes_sent += bytes;
}

Scheduler& Node::scheduler() {
  return impl_->scheduler;
}
const Pace& Node::pace() const {
  return impl_->options.pace;
}
NodeId Node::own_id() const {
  return impl_->id;
}

std::vector<NodeId> Node::data_nodes() const {
  std::vector<const RemoteNode*> usable;
  for (const RemoteNode* node : impl_->nodes.all()) {
    if (impl_->access.may_exchange_data(node->id())) usable.push_back(node);
  }
  std::ranges::sort(usable,
                    [](const RemoteNode* a, const RemoteNode* b) { return a->last_heard > b->last_heard; });
  std::vector<NodeId> out;
  out.reserve(usable.size());
  for (const RemoteNode* node : usable) out.push_back(node->id());
  return out;
}

bool Node::may_exchange_data(const NodeId& node) const {
  return impl_->access.may_exchange_data(node);
}

std::string Node::display_name(const NodeId& id) const {
  // The configuration's label before the node's own word.
  std::string label;
  for (const auto& [url, channel] : impl_->channels.all()) {
    if (const AuthorizedNode* entry = channel->authorized(id)) label = entry->node_label;
  }
  const RemoteNode* node = impl_->nodes.find(id);
  if (label.empty() && node != nullptr) label = node->announced_label();
  return label.empty() ? fmt::format("node {}", id.brief())
                       : fmt::format("{} ({})", escaped(label), id.brief());
}

OperationPtr Node::request(const NodeId& node, RequestData data, milliseconds timeout, Answer answer) {
  return impl_->requester.request(node, std::move(data), timeout, std::move(answer));
}

StreamOperationPtr Node::open_stream(const NodeId& node, const StreamId& stream,
                                     std::optional<ByteRange> range, milliseconds idle_timeout,
                                     StreamSink sink) {
  return impl_->requester.open_stream(node, stream, range, idle_timeout, std::move(sink));
}

}  // namespace kachery
