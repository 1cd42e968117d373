// Loads files from other nodes (protocol.md section 12, design "load"): chunks from all providers at once,
// each verified as it arrives, into one partial file.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "codec/file_key.h"
#include "node/network.h"
#include "store/jobs.h"
#include "store/store.h"

namespace kachery {

struct LoadProgress {
  std::uint64_t bytes_loaded = 0;  // verified or arriving
  std::uint64_t bytes_total = 0;
  std::optional<NodeId> node;  // the last provider that delivered
};

// All loads of this daemon. Two loads of the same file share one flow; the flow ends when the last of its
// watchers goes.
class Loader {
 public:
  Loader(Network& network, Store& store, StoreJobs& jobs);
  ~Loader();

  struct Callbacks {
    std::function<void(const LoadProgress&)> progress;  // at most 10 times a second
    // Once, later: the path of the file, or
    //   not_found    nobody has the file
    //   unreachable  a provider has it but could not be reached
    //   refused      a provider has it but refused to send it
    //   stalled      a provider stopped sending
    //   damaged      what arrived did not match its hash (the message says from whom)
    // or an error of the disk.
    std::function<void(Result<std::string> path)> done;
  };
  // A running load as its client sees it; destroying it gives the load up.
  class Watcher {
   public:
    virtual ~Watcher() = default;
  };
  // `only_from`: ask this node and nobody else, without checkForFile.
  [[nodiscard]] std::unique_ptr<Watcher> load(const FileKey& key, std::optional<NodeId> only_from,
                                              Callbacks callbacks);

  std::size_t active() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // what is deferred to the loop holds it weakly
};

}  // namespace kachery
