// Finds out which node is behind each bootstrap address of the joined channels (protocol.md section 11).
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/scheduler.h"
#include "net/http_client.h"
#include "node/channels.h"
#include "node/remote_nodes.h"
#include "wire/requests.h"

namespace kachery {

class BootstrapProber {
 public:
  // All must outlive it. `appeared` comes from the loop when a bootstrap answers for the first time, or again
  // after a failure, or as another node.
  BootstrapProber(Scheduler& scheduler, HttpClient& http, const Pace& pace, const NodeId& own_id,
                  const Channels& channels, RemoteNodes& nodes, std::function<void(const NodeId&)> appeared);

  // To be called when channels or their configurations changed: probes new addresses at once, forgets old
  // ones.
  void update();

  // The nodes known to be bootstraps of `channel`.
  std::vector<NodeId> bootstraps_of(const Channel& channel) const;

  // {address, nodeId|null, error|null} of each address.
  Json json() const;

 private:
  struct Target {
    Address address;
    milliseconds added_at{0};
    std::optional<NodeId> node;  // as it last answered
    std::optional<std::string> error;
    HttpCallPtr call;
    Scheduler::TimerPtr timer;
  };
  void probe(Target& target);
  void answered(Target& target, Result<HttpResponse> response);
  void set_node(Target& target, const ProbeResponse& probe);
  void forget_node(Target& target);

  Scheduler& scheduler_;
  HttpClient& http_;
  const Pace& pace_;
  NodeId own_id_;
  const Channels& channels_;
  RemoteNodes& nodes_;
  std::function<void(const NodeId&)> appeared_;
  std::map<std::string, Target> targets_;  // by base URL
};

}  // namespace kachery
