// Requests from other nodes: checked, authorized, handed to their handler, answered under our signature.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/scheduler.h"
#include "crypto/keys.h"
#include "node/access.h"
#include "node/node.h"
#include "node/remote_nodes.h"
#include "node/replay_guard.h"

namespace kachery {

class RequestServer {
 public:
  // All must outlive it.
  RequestServer(Scheduler& scheduler, const KeyPair& key, RemoteNodes& nodes, const Access& access);

  void handle(std::string_view request_type, Node::Handler handler);
  // See Node::receive.
  void receive(const Json& message, std::function<void(Result<Json>)> respond);

 private:
  Status authorize(const Request& request) const;

  Scheduler& scheduler_;
  const KeyPair& key_;
  RemoteNodes& nodes_;
  const Access& access_;
  ReplayGuard replays_;
  std::map<std::string, Node::Handler, std::less<>> handlers_;
};

}  // namespace kachery
