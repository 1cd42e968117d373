// Keeps copies of all files that mirror sources name (protocol.md section 11): a source is a JSON file of the
// store, and every sha1:// URI in any string anywhere in it is to be here.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/scheduler.h"
#include "codec/file_key.h"
#include "codec/json.h"
#include "store/store.h"
#include "transfer/loader.h"
#include "wire/channel_config.h"

namespace kachery {

// The sha1:// URIs in the strings of `json`, each once; at most `max`. A string counts if it begins so; one
// that is no valid URI is left out.
std::vector<FileKey> uris_in(const Json& json, std::size_t max);

class Mirror {
 public:
  class Mediator {
   public:
    virtual ~Mediator() = default;
    virtual Scheduler& scheduler() = 0;
    virtual const Pace& pace() = 0;
    virtual bool is_local(const FileKey& key) = 0;
    // The content of a small local file, verified.
    virtual Result<std::string> read(const FileKey& key, std::uint64_t max_bytes) = 0;
    // `done` comes once, later; destroying the watcher gives the load up.
    virtual std::unique_ptr<Loader::Watcher> load(const FileKey& key, std::function<void(Status)> done) = 0;
  };

  // `mediator` must outlive it.
  explicit Mirror(Mediator& mediator);
  ~Mirror();
  Mirror(const Mirror&) = delete;
  Mirror& operator=(const Mirror&) = delete;

  // Replaces the sources and looks at them soon; loads in progress go on. Sources with anything but a sha1://
  // URI are reported in the log and left out.
  void set_sources(const std::vector<MirrorSource>& sources);

  std::size_t loading() const { return loading_.size(); }

 private:
  struct Source {
    std::string label;
    FileKey key;
    bool read = false;  // `files` is complete; a source never changes: its URI is its hash
    std::vector<FileKey> files;
  };

  // What is being loaded, and why.
  struct Wanted {
    FileKey key;
    bool is_source = false;
    std::string source_label;
  };

  void begin_round();
  void go_on();
  void go_on_after(milliseconds pause);
  void read_source(Source& source);
  void load(Wanted wanted);
  void loaded(const Wanted& wanted, const Status& status);

  using Watchers = std::vector<std::unique_ptr<Loader::Watcher>>;

  Mediator& mediator_;
  std::vector<Source> sources_;
  std::size_t source_ = 0;  // where the present round is
  std::size_t file_ = 0;
  std::map<Sha1, std::unique_ptr<Loader::Watcher>> loading_;
  std::map<Sha1, milliseconds> retry_at_;  // of what failed
  // Of loads that ended; emptied from the loop, which knows it by a weak reference only.
  std::shared_ptr<Watchers> ended_ = std::make_shared<Watchers>();
  Scheduler::TimerPtr timer_;  // the next slice of the round, or the next round; none while loads are awaited
};

// The real one.
std::unique_ptr<Mirror::Mediator> make_mirror_mediator(Network& network, const Store& store, Loader& loader);

}  // namespace kachery
