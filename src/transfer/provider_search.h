// Looks for providers of a file: by asking every data node, or one node only, once a round.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "node/network.h"
#include "transfer/finder.h"

namespace kachery {

class ProviderSearch {
 public:
  struct Callbacks {
    std::function<void(const Offer&)> offer;
    // A round has ended.
    std::function<void()> ended;
  };
  ProviderSearch(Network& network, FileKey key, std::optional<NodeId> only_from, Callbacks callbacks);

  // Begins a round; not while running(). Offers come later; the end may come from within this call.
  void start();
  bool running() const { return running_; }

  // Why the last round found nobody: not_found (nobody has it, of how many asked), or, asked of one node
  // only, what became of that.
  Error nobody_error() const;

 private:
  void ask_one(const NodeId& node);
  void end();

  Network& network_;
  const FileKey key_;
  const std::optional<NodeId> only_from_;
  Callbacks callbacks_;
  bool running_ = false;
  std::size_t asked_ = 0;
  std::size_t unanswered_ = 0;
  std::optional<Error> only_error_;
  std::unique_ptr<FindFlow> find_;
  OperationPtr request_;
};

}  // namespace kachery
