// Who may talk to whom (protocol.md section 4), for what we send and for what we are sent.
#pragma once

#include <vector>

#include "base/ids.h"
#include "base/scheduler.h"
#include "node/channels.h"
#include "node/remote_nodes.h"
#include "wire/channel_info.h"
#include "wire/requests.h"

namespace kachery {

class Access {
 public:
  // All must outlive it. `is_bootstrap`: this node is one, and talks to everyone for discovery.
  Access(const Scheduler& scheduler, const NodeId& own_id, bool is_bootstrap, const Channels& channels,
         const RemoteNodes& nodes)
      : scheduler_(scheduler),
        own_id_(own_id),
        is_bootstrap_(is_bootstrap),
        channels_(channels),
        nodes_(nodes) {}

  // File and feed data, and whatever is not discovery: on some channel that we joined, (1) both are
  // authorized, or (2) we are public and the remote has announced itself there, or (3) the remote is public
  // there.
  bool may_exchange_data(const NodeId& remote) const;
  bool may_exchange_data_on(const Channel& channel, const NodeId& remote) const;

  // Requests of this type from or to `remote`: by the rule for discovery or by that for data.
  bool may_request(const NodeId& remote, const RequestData& data) const;

  // checkAlive, getChannelInfo, announce from or to `remote`.
  bool may_discover(const NodeId& remote) const;

  // Whether an info that came from anywhere is worth keeping: of a joined channel, and of a node that rule
  // (1), (2) or (3) could let us talk to. A bootstrap keeps those of channels that it has not joined, too.
  bool welcomes(const ChannelNodeInfo& info) const;

 private:
  // Public on a channel: by its configuration and by what the node itself says.
  bool is_public_remote(const Channel& channel, const NodeId& remote) const;
  bool is_public_self(const Channel& channel) const;
  const ChannelNodeInfo* live_info(const Channel& channel, const NodeId& remote) const;

  const Scheduler& scheduler_;
  NodeId own_id_;
  bool is_bootstrap_;
  const Channels& channels_;
  const RemoteNodes& nodes_;
};

}  // namespace kachery
