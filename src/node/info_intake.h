// Channel node infos from other nodes: filtered by the channels' configurations, verified a few at a time,
// kept.
#pragma once

#include <deque>
#include <functional>
#include <vector>

#include "base/scheduler.h"
#include "node/access.h"
#include "node/remote_nodes.h"

namespace kachery {

class InfoIntake {
 public:
  // `taken` is called for every info that was added or that updated one.
  using OnTaken =
      std::function<void(const NodeId&, const std::string& channel_config_url, RemoteNodes::Taken)>;
  InfoIntake(Scheduler& scheduler, const Access& access, RemoteNodes& nodes, OnTaken taken)
      : scheduler_(scheduler), access_(access), nodes_(nodes), taken_(std::move(taken)) {}

  // An announcement: at once. An error says why it is not kept (not welcome, dated ahead, bad signature,
  // full).
  Status announce(const SignedChannelNodeInfo& info);

  // What another node says of a channel: in slices, since a thousand signatures would hold up the loop. Bad
  // ones are passed over.
  void offer(std::vector<SignedChannelNodeInfo> infos);

 private:
  Status consider(const SignedChannelNodeInfo& info);
  void work();

  Scheduler& scheduler_;
  const Access& access_;
  RemoteNodes& nodes_;
  OnTaken taken_;
  std::deque<SignedChannelNodeInfo> waiting_;
  Scheduler::TimerPtr timer_;
};

}  // namespace kachery
