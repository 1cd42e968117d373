// The load of one file, from finding it to its place in the store. Providers are found, the manifest fetched,
// the chunks assembled, the whole checked and put in place.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "node/network.h"
#include "store/jobs.h"
#include "transfer/file_assembly.h"
#include "transfer/loader.h"
#include "transfer/local_chunk.h"
#include "transfer/manifest_fetch.h"
#include "transfer/provider_pool.h"
#include "transfer/provider_search.h"

namespace kachery {

class LoadFlow : public std::enable_shared_from_this<LoadFlow> {
 public:
  struct Callbacks {
    std::function<void(const LoadProgress&)> progress;  // at most 10 times a second
    std::function<void(Result<std::string>)> done;      // once
  };
  // Callbacks come later, from the loop, and may drop the last share of the flow, which ends the load.
  LoadFlow(Network& network, Store& store, StoreJobs& jobs, FileKey key, std::optional<NodeId> only_from,
           Callbacks callbacks);
  ~LoadFlow();

  // From the loop, once, and not from within Loader::load: it may call done().
  void start();

 private:
  enum class State {
    making,      // from what is here: the empty file, or a chunk of a local file
    manifest,    // looking for it, and for providers
    assembling,  // the file
    pausing,     // before the next round of asking around
    committing,
    finished,
  };

  // Every step is taken from the loop, never from within the callback that made it possible: so that what a
  // step destroys has no call of its own below.
  void wake();
  void advance();
  void on_tick();

  void on_offer(const Offer& offer);
  bool make_locally();
  void get_manifest();
  void start_manifest_fetch(const NodeId& node);
  void on_manifest(NodeId node, Result<std::string> text);
  void use_manifest(const std::string& text);
  void go_on_without_manifest();
  void assemble();
  bool open_assembly();
  void start_over_without_manifest();
  void on_starved();
  void pause_then_ask_again();
  void commit();
  void on_made(Result<std::string> path);
  void finish(Result<std::string> result);
  Error delivery_error() const;
  FileKey key_of(const ManifestChunk& chunk) const;
  std::optional<std::uint64_t> plain_size() const;

  void progress_changed();
  void report_progress();

  Network& network_;
  Store& store_;
  StoreJobs& jobs_;
  const FileKey key_;
  Callbacks callbacks_;

  State state_ = State::manifest;
  bool woken_ = false;
  ProviderPool pool_;
  ProviderSearch search_;
  // Rounds of asking around since a chunk last arrived, and the count of arrivals then.
  unsigned fruitless_rounds_ = 0;
  std::uint64_t seen_deliveries_ = 0;
  std::optional<Manifest> manifest_;  // fitting, and so far believed
  bool manifest_lied_ = false;
  milliseconds last_manifest_fetch_{0};
  std::map<NodeId, std::unique_ptr<ManifestFetch>> manifest_fetches_;
  std::unique_ptr<FileAssembly> assembly_;  // uses pool_
  std::unique_ptr<LocalChunk> local_chunk_;
  WorkerTicketPtr ticket_;           // of making or committing
  WorkerTicketPtr manifest_ticket_;  // of storing the manifest as a file of its own
  Scheduler::TimerPtr tick_;
  Scheduler::TimerPtr pause_;

  Scheduler::TimerPtr progress_timer_;
  std::optional<milliseconds> last_report_;
  LoadProgress reported_;
  unsigned thrown_away_ = 0;
};

}  // namespace kachery
