#include "transfer/loader.h"

#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "transfer/load_flow.h"

namespace kachery {

namespace {

struct WatcherRecord {
  Loader::Callbacks callbacks;
  bool wanted = true;  // false: its Watcher has gone
};

// One load and those who wait for it.
struct Entry {
  FileKey key;
  std::optional<NodeId> only_from;
  std::vector<std::shared_ptr<WatcherRecord>> watchers;
  std::shared_ptr<LoadFlow> flow;  // once it runs

  bool wanted() const {
    for (const auto& watcher : watchers) {
      if (watcher->wanted) return true;
    }
    return false;
  }
};

}  // namespace

struct Loader::Impl : std::enable_shared_from_this<Loader::Impl> {
  Impl(Network& n, Store& s, StoreJobs& j) : network(n), store(s), jobs(j) {}

  std::shared_ptr<Entry> entry_for(const FileKey& key, const std::optional<NodeId>& only_from) {
    for (const auto& entry : entries) {
      if (entry->key.sha1 == key.sha1 && entry->only_from == only_from) return entry;
    }
    auto entry = std::make_shared<Entry>();
    entry->key = key;
    entry->only_from = only_from;
    entries.push_back(entry);
    return entry;
  }

  void schedule_starts() {
    if (starts_scheduled) return;
    starts_scheduled = true;
    network.scheduler().defer([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->start_waiting();
    });
  }

  // In the order of their coming; two loads of one file (from different nodes) after each other, since they
  // share its partial file.
  void start_waiting() {
    starts_scheduled = false;
    const std::vector<std::shared_ptr<Entry>> now(entries.begin(), entries.end());
    for (const auto& entry : now) {
      if (running() >= limits::loads) return;
      if (!entry->flow && entry->wanted() && !is_running(entry->key.sha1)) start(entry);
    }
  }

  std::size_t running() const {
    std::size_t count = 0;
    for (const auto& entry : entries) count += entry->flow ? 1 : 0;
    return count;
  }

  bool is_running(const Sha1& sha1) const {
    for (const auto& entry : entries) {
      if (entry->flow && entry->key.sha1 == sha1) return true;
    }
    return false;
  }

  void start(const std::shared_ptr<Entry>& entry) {
    const std::weak_ptr<Impl> weak = weak_from_this();
    const std::weak_ptr<Entry> weak_entry = entry;
    const auto flow =
        std::make_shared<LoadFlow>(network, store, jobs, entry->key, entry->only_from,
                                   LoadFlow::Callbacks{[weak_entry](const LoadProgress& progress) {
                                                         if (const auto e = weak_entry.lock())
                                                           tell_progress(*e, progress);
                                                       },
                                                       [weak, weak_entry](const Result<std::string>& result) {
                                                         const auto self = weak.lock();
                                                         const auto e = weak_entry.lock();
                                                         if (self && e) self->end(e, result);
                                                       }});
    entry->flow = flow;
    flow->start();
  }

  static void tell_progress(const Entry& entry, const LoadProgress& progress) {
    // A copy: callbacks may add and remove watchers.
    const auto watchers = entry.watchers;
    for (const auto& watcher : watchers) {
      if (watcher->wanted && watcher->callbacks.progress) watcher->callbacks.progress(progress);
    }
  }

  void end(const std::shared_ptr<Entry>& entry, const Result<std::string>& result) {
    remove(entry);
    // Taken away: callbacks may drop watchers.
    const auto watchers = std::exchange(entry->watchers, {});
    for (const auto& watcher : watchers) {
      if (!watcher->wanted) continue;
      watcher->wanted = false;
      watcher->callbacks.done(result);
    }
  }

  void remove(const std::shared_ptr<Entry>& entry) {
    std::erase(entries, entry);
    schedule_starts();
  }

  // A watcher has gone: with the last one goes the load.
  void give_up_unwanted(const std::shared_ptr<Entry>& entry) {
    std::erase_if(entry->watchers, [](const auto& watcher) { return !watcher->wanted; });
    if (!entry->watchers.empty()) return;
    remove(entry);
    entry->flow.reset();
  }

  Network& network;
  Store& store;
  StoreJobs& jobs;
  std::deque<std::shared_ptr<Entry>> entries;
  bool starts_scheduled = false;
};

namespace {

class WatcherHandle final : public Loader::Watcher {
 public:
  WatcherHandle(std::shared_ptr<WatcherRecord> record, std::function<void()> gone)
      : record_(std::move(record)), gone_(std::move(gone)) {}
  ~WatcherHandle() override {
    if (!std::exchange(record_->wanted, false)) return;
    gone_();
  }

 private:
  std::shared_ptr<WatcherRecord> record_;
  std::function<void()> gone_;
};

}  // namespace

Loader::Loader(Network& network, Store& store, StoreJobs& jobs)
    : impl_(std::make_shared<Impl>(network, store, jobs)) {}

Loader::~Loader() = default;

std::unique_ptr<Loader::Watcher> Loader::load(const FileKey& key, std::optional<NodeId> only_from,
                                              Callbacks callbacks) {
  const std::shared_ptr<Entry> entry = impl_->entry_for(key, only_from);
  auto record = std::make_shared<WatcherRecord>(WatcherRecord{std::move(callbacks)});
  entry->watchers.push_back(record);
  impl_->schedule_starts();
  return std::make_unique<WatcherHandle>(
      std::move(record), [weak = std::weak_ptr<Impl>(impl_), weak_entry = std::weak_ptr<Entry>(entry)] {
        const auto impl = weak.lock();
        const auto e = weak_entry.lock();
        if (impl && e) impl->give_up_unwanted(e);
      });
}

std::size_t Loader::active() const {
  return impl_->running();
}

}  // namespace kachery
