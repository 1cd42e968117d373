// The other nodes that this one knows of: their channel node infos, bootstraps, and whether they answer.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "base/scheduler.h"
#include "wire/channel_info.h"

namespace kachery {

// What a probe told of a bootstrap node.
struct BootstrapNode {
  Address address;  // where it was probed
  std::optional<Address> web_socket_address;
  std::optional<Address> public_udp_socket_address;
};

class RemoteNode {
 public:
  explicit RemoteNode(const NodeId& id) : id_(id) {}

  const NodeId& id() const { return id_; }

  // Set while the node is a bootstrap of a channel that we joined.
  std::optional<BootstrapNode> bootstrap;
  // The newest info of each channel, by channel config URL; may have expired since the last clean-up.
  std::map<std::string, SignedChannelNodeInfo, std::less<>> infos;

  // After a request to it succeeded; not after one failed.
  bool online = false;
  // When it last answered or asked, by Scheduler::monotonic(); 0: never.
  milliseconds last_heard{0};
  // When this node last announced itself to it, asked it for infos, and asked whether it is alive; by channel
  // config URL, by Scheduler::monotonic().
  std::map<std::string, milliseconds, std::less<>> announced_at;
  std::map<std::string, milliseconds, std::less<>> asked_at;
  std::optional<milliseconds> checked_alive_at;
  std::uint64_t requests_sent = 0;
  std::uint64_t responses_received = 0;
  std::uint64_t http_bytes_sent = 0;

  // Where it takes HTTP requests: a bootstrap's probed address, else that of its newest info that has one.
  std::optional<Address> http_address() const;
  // From its newest info; empty if there is none.
  std::string announced_label() const;

 private:
  const SignedChannelNodeInfo* newest(bool with_http_address) const;
  NodeId id_;
};

class RemoteNodes {
 public:
  explicit RemoteNodes(const NodeId& own_id) : own_id_(own_id) {}

  enum class Taken {
    added,      // the node was not known on this channel
    updated,    // a newer info of a known one
    unchanged,  // not newer than what we have, expired, or our own
    ahead,      // dated more than limits::info_future_ms ahead of us: refused, since it would mute the node's
                // honest announcements
    full,       // refused: a limit is reached
  };
  // What take() would say, without taking: so that signatures are checked only of infos that are news.
  Taken judge(const ChannelNodeInfo& info, std::int64_t wall_ms) const;
  // `info` must be verified.
  Taken take(SignedChannelNodeInfo info, std::int64_t wall_ms);

  // Null if not known. Pointers stay good until expire() or forget_channel().
  RemoteNode* find(const NodeId& id);
  const RemoteNode* find(const NodeId& id) const;
  RemoteNode& get_or_add(const NodeId& id);

  // The unexpired infos of a channel.
  std::vector<const SignedChannelNodeInfo*> infos_of(const std::string& channel_config_url,
                                                     std::int64_t wall_ms) const;
  std::vector<const RemoteNode*> all() const;

  // Drops expired infos, and nodes of which nothing is left.
  void expire(std::int64_t wall_ms);
  // Drops every info of a channel.
  void forget_channel(const std::string& channel_config_url);

  std::size_t info_count() const { return info_count_; }

 private:
  void drop_info(RemoteNode& node, std::map<std::string, SignedChannelNodeInfo, std::less<>>::iterator info);
  void drop_empty_nodes();

  NodeId own_id_;
  std::unordered_map<NodeId, std::unique_ptr<RemoteNode>> nodes_;
  // Who has an info on a channel.
  std::map<std::string, std::unordered_map<NodeId, RemoteNode*>, std::less<>> by_channel_;
  std::size_t info_count_ = 0;
};

// Expired: more than limits::info_life_ms old.
bool is_expired(const ChannelNodeInfo& info, std::int64_t wall_ms);

}  // namespace kachery
