#include "transfer/mirror.h"

#include <unordered_set>
#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "codec/uri.h"

namespace kachery {

namespace {

constexpr milliseconds first_round{5'000};
constexpr milliseconds round_period{150'000};  // protocol: every 2-3 minutes
constexpr milliseconds retry_pause{120'000};
constexpr milliseconds slice_pause{20};
constexpr std::size_t slice_files = 50;  // looked up before the loop has its turn
constexpr std::size_t loads_at_once = 2;

}  // namespace

std::vector<FileKey> uris_in(const Json& json, std::size_t max) {
  std::vector<FileKey> out;
  std::unordered_set<Sha1> seen;
  std::vector<Json> stack{json};  // its depth is bounded by the parser, its size by the text's
  while (!stack.empty() && out.size() < max) {
    const Json value = std::move(stack.back());
    stack.pop_back();
    if (value.is_string() && value.string().starts_with("sha1://")) {
      const auto uri = parse_file_uri(value.string());
      if (uri && seen.insert(uri->key.sha1).second) out.push_back(uri->key);
    } else if (value.is_array()) {
      for (std::size_t i = value.size(); i > 0; --i) stack.push_back(value[i - 1]);
    } else if (value.is_object()) {
      const auto members = value.members();
      for (auto member = members.rbegin(); member != members.rend(); ++member)
        stack.push_back(member->second);
    }
  }
  return out;
}

Mirror::Mirror(Mediator& mediator) : mediator_(mediator) {}
Mirror::~Mirror() = default;

void Mirror::set_sources(const std::vector<MirrorSource>& sources) {
  std::vector<Source> next;
  for (const MirrorSource& source : sources) {
    const auto uri = parse_file_uri(source.uri);
    if (!uri) {
      log_warning("mirror source {} is left out: {}", escaped(source.uri), uri.error().message);
      continue;
    }
    next.push_back({escaped(source.label.value_or(source.uri)), uri->key, false, {}});
  }
  sources_ = std::move(next);
  source_ = 0;
  file_ = 0;
  timer_.reset();
  if (sources_.empty()) return;
  timer_ = mediator_.scheduler().after(mediator_.pace()(first_round), [this] { begin_round(); });
}

void Mirror::begin_round() {
  source_ = 0;
  file_ = 0;
  go_on();
}

void Mirror::read_source(Source& source) {
  const auto text = mediator_.read(source.key, limits::mirror_source_bytes);
  const auto json = text ? Json::parse(*text) : Result<Json>(tl::unexpected(text.error()));
  source.read = true;
  if (!json) {
    log_warning("mirror source {} cannot be read: {}", source.label, json.error().message);
    return;
  }
  std::size_t known = 0;
  for (const Source& other : sources_) known += other.files.size();
  source.files = uris_in(*json, limits::mirror_files - known);
  log_info("mirror source {} names {} files", source.label, source.files.size());
}

// One slice of a round: looks at some files and starts loads while there is room; comes back soon, or when a
// load has ended, or (the round is over) for the next round.
void Mirror::go_on() {
  timer_.reset();
  std::size_t looked_up = 0;
  while (source_ < sources_.size()) {
    if (loading_.size() >= loads_at_once) return;
    if (looked_up == slice_files) return go_on_after(slice_pause);
    Source& source = sources_[source_];
    if (!source.read && mediator_.is_local(source.key)) read_source(source);
    if (!source.read) load({source.key, true, source.label});
    if (!source.read || file_ == source.files.size()) {
      ++source_;
      file_ = 0;
      continue;
    }
    const FileKey& key = source.files[file_++];
    ++looked_up;
    if (!mediator_.is_local(key)) load({key, false, source.label});
  }
  if (sources_.empty()) return;
  timer_ = mediator_.scheduler().after(mediator_.pace()(round_period), [this] { begin_round(); });
}

void Mirror::go_on_after(milliseconds pause) {
  timer_ = mediator_.scheduler().after(pause, [this] { go_on(); });
}

void Mirror::load(Wanted wanted) {
  const Sha1 sha1 = wanted.key.sha1;
  const auto retry = retry_at_.find(sha1);
  if (loading_.contains(sha1)) return;
  if (retry != retry_at_.end() && mediator_.scheduler().monotonic() < retry->second) return;
  auto& watcher = loading_[sha1];
  const FileKey key = wanted.key;
  watcher = mediator_.load(
      key, [this, wanted = std::move(wanted)](const Status& status) { loaded(wanted, status); });
}

void Mirror::loaded(const Wanted& wanted, const Status& status) {
  const Sha1 sha1 = wanted.key.sha1;
  if (status) {
    log_info("mirror source {}: loaded {}", wanted.source_label, sha1.hex());
    retry_at_.erase(sha1);
  } else {
    log_info("mirror source {}: cannot load {} now: {}", wanted.source_label, sha1.hex(),
             status.error().message);
    retry_at_[sha1] = mediator_.scheduler().monotonic() + mediator_.pace()(retry_pause);
  }
  // A watcher is not destroyed while it calls.
  ended_->push_back(std::move(loading_.extract(sha1).mapped()));
  mediator_.scheduler().defer([weak = std::weak_ptr(ended_)] {
    if (const auto ended = weak.lock()) ended->clear();
  });
  if (wanted.is_source && status) {
    // Read it without waiting for the next round.
    source_ = 0;
    file_ = 0;
    go_on_after(slice_pause);
  } else if (!timer_) {
    go_on_after(slice_pause);
  }
}

namespace {

class LoaderMediator final : public Mirror::Mediator {
 public:
  LoaderMediator(Network& network, const Store& store, Loader& loader)
      : network_(network), store_(store), loader_(loader) {}

  Scheduler& scheduler() override { return network_.scheduler(); }
  const Pace& pace() override { return network_.pace(); }
  bool is_local(const FileKey& key) override { return store_.size_of(key).has_value(); }
  Result<std::string> read(const FileKey& key, std::uint64_t max_bytes) override {
    return store_.read_verified(key.sha1, max_bytes);
  }
  std::unique_ptr<Loader::Watcher> load(const FileKey& key, std::function<void(Status)> done) override {
    return loader_.load(key, std::nullopt, {{}, [done = std::move(done)](const Result<std::string>& path) {
                                              done(path ? Status() : tl::unexpected(path.error()));
                                            }});
  }

 private:
  Network& network_;
  const Store& store_;
  Loader& loader_;
};

}  // namespace

std::unique_ptr<Mirror::Mediator> make_mirror_mediator(Network& network, const Store& store, Loader& loader) {
  return std::make_unique<LoaderMediator>(network, store, loader);
}

}  // namespace kachery
