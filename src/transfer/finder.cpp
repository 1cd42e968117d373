#include "transfer/finder.h"

#include <map>
#include <utility>

#include "base/limits.h"

namespace kachery {

struct FindFlow::Impl : std::enable_shared_from_this<FindFlow::Impl> {
  Impl(Network& n, FileKey k, milliseconds timeout, Callbacks c)
      : network(n),
        key(std::move(k)),
        deadline(n.scheduler().monotonic() + timeout),
        callbacks(std::move(c)) {}

  // Every callback into here holds a share of this, so that the FindFlow may go from within one; `ended` is
  // what it looks at afterwards.
  void start() {
    for (const NodeId& node : network.data_nodes()) {
      if (node != network.own_id()) waiting.push_back(node);
    }
    next = waiting.begin();
    time_up = network.scheduler().after(deadline - network.scheduler().monotonic(), guarded([this] {
                                          fail_all(Error{Errc::timed_out, "did not answer in time"});
                                        }));
    network.scheduler().defer(guarded([this] { ask_more(); }));
  }

  template <class F>
  Scheduler::Callback guarded(F body) {
    return [weak = weak_from_this(), body] {
      if (const auto self = weak.lock(); self && !self->ended) body();
    };
  }

  void ask_more() {
    while (asking.size() < limits::find_requests && next != waiting.end()) ask(*next++);
    if (asking.empty()) finish();
  }

  void ask(const NodeId& node) {
    const milliseconds left = deadline - network.scheduler().monotonic();
    asking[node] = network.request(node, CheckForFileRequest{key}, left,
                                   [weak = weak_from_this(), node](Result<ResponseData> answer) {
                                     if (const auto self = weak.lock(); self && !self->ended) {
                                       self->on_answer(node, std::move(answer));
                                     }
                                   });
  }

  // `node` by value: the operation that holds the caller's copy goes first.
  void on_answer(NodeId node, Result<ResponseData> answer) {
    asking.erase(node);
    if (!answer) {
      unreachable.emplace_back(node, std::move(answer).error());
    } else if (const auto* found = std::get_if<CheckForFileResponse>(&*answer)) {
      if (found->found && found->size) {
        callbacks.offer(Offer{node, *found->size});
        if (ended) return;
      }
    } else {
      unreachable.emplace_back(node, Error{Errc::protocol, "answered another question than it was asked"});
    }
    ask_more();
  }

  void fail_all(const Error& error) {
    for (const auto& [node, operation] : asking) unreachable.emplace_back(node, error);
    for (; next != waiting.end(); ++next) {
      unreachable.emplace_back(*next, Error{Errc::timed_out, "could not be asked in time"});
    }
    asking.clear();
    finish();
  }

  void finish() {
    ended = true;
    time_up.reset();
    const auto done = std::move(callbacks.done);
    done(std::move(unreachable));
  }

  Network& network;
  const FileKey key;
  const milliseconds deadline;
  Callbacks callbacks;
  std::vector<NodeId> waiting;
  std::vector<NodeId>::iterator next;
  std::map<NodeId, OperationPtr> asking;
  std::vector<std::pair<NodeId, Error>> unreachable;
  Scheduler::TimerPtr time_up;
  bool ended = false;
};

FindFlow::FindFlow(Network& network, const FileKey& key, milliseconds timeout, Callbacks callbacks)
    : impl_(std::make_shared<Impl>(network, key, timeout, std::move(callbacks))) {
  impl_->start();
}

FindFlow::~FindFlow() {
  impl_->ended = true;
  impl_->asking.clear();
  impl_->time_up.reset();
}

}  // namespace kachery
