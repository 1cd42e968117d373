// Makes this node known to others and others known to it: announce and getChannelInfo, by section 11's
// clocks.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/scheduler.h"
#include "node/access.h"
#include "node/bootstrap_prober.h"
#include "node/channels.h"
#include "node/info_intake.h"
#include "node/remote_nodes.h"
#include "node/requester.h"

namespace kachery {

class Gossip {
 public:
  struct Parts {
    Scheduler& scheduler;
    const Pace& pace;
    const Channels& channels;
    RemoteNodes& nodes;
    const Access& access;
    Requester& requester;
    const BootstrapProber& bootstraps;
    InfoIntake& intake;
    std::function<SignedChannelNodeInfo(const Channel&)> own_info;
  };
  explicit Gossip(Parts parts) : parts_(std::move(parts)) {}

  // Channels or configurations changed: start, stop, or hurry.
  void update();
  // A bootstrap answered its probe: announce to it and ask it, at once.
  void bootstrap_appeared(const NodeId& node);
  // An info was added or updated.
  void info_taken(const NodeId& node, const std::string& channel_config_url, RemoteNodes::Taken taken);

 private:
  enum class Kind { announce, get_channel_info, check_alive };
  void tick();
  void announce(const NodeId& node, const Channel& channel);
  void ask(const NodeId& node, const Channel& channel);
  void check_alive(RemoteNode& node);
  void send(Kind kind, const NodeId& node, const std::string& url, RequestData data,
            std::function<void(ResponseData&)> answered);
  // The online node of the channel whose time in `history` is the longest ago; null if there is none.
  RemoteNode* next_node(const Channel& channel,
                        std::map<std::string, milliseconds, std::less<>> RemoteNode::*history) const;
  bool starting_up() const;

  Parts parts_;
  Scheduler::TimerPtr timer_;
  milliseconds announce_bootstraps_at_{0};
  milliseconds announce_node_at_{0};
  milliseconds ask_bootstraps_at_{0};
  milliseconds ask_node_at_{0};
  using Key = std::pair<Kind, std::pair<NodeId, std::string>>;
  std::map<Key, OperationPtr> under_way_;
};

}  // namespace kachery
