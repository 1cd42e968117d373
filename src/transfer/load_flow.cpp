#include "transfer/load_flow.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "base/log.h"

namespace kachery {

namespace {

// The service period of a running load; before the pace.
constexpr milliseconds tick_period{1'000};
// Another provider is asked for the manifest as well after so long; before the pace.
constexpr milliseconds manifest_patience{2'000};
constexpr std::size_t max_manifest_fetches = 3;
// How often the nodes are asked who has the file without a chunk coming of it, before a load that had
// providers fails.
constexpr unsigned max_fruitless_rounds = 3;
// Between two rounds, times the number of fruitless ones; before the pace.
constexpr milliseconds pause_between_rounds{1'000};
constexpr milliseconds progress_period{100};

}  // namespace

LoadFlow::LoadFlow(Network& network, Store& store, StoreJobs& jobs, FileKey key,
                   std::optional<NodeId> only_from, Callbacks callbacks)
    : network_(network),
      store_(store),
      jobs_(jobs),
      key_(std::move(key)),
      callbacks_(std::move(callbacks)),
      search_(network, key_, only_from,
              {[this](const Offer& offer) { on_offer(offer); }, [this] { wake(); }}) {}

LoadFlow::~LoadFlow() = default;

void LoadFlow::start() {
  const Result<std::string> local = store_.readable_path(key_.sha1);
  if (local) return finish(*local);
  if (make_locally()) return;
  search_.start();
  if (!key_.manifest) {
    state_ = State::assembling;
  } else if (auto text = store_.read_verified(*key_.manifest, limits::manifest_bytes)) {
    use_manifest(*text);
  }
  on_tick();
}

void LoadFlow::wake() {
  if (woken_ || state_ == State::finished) return;
  woken_ = true;
  network_.scheduler().defer([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->advance();
  });
}

void LoadFlow::on_tick() {
  wake();
  tick_ = network_.scheduler().after(network_.pace()(tick_period), [this] { on_tick(); });
}

void LoadFlow::advance() {
  woken_ = false;
  progress_changed();
  switch (state_) {
    case State::manifest:
      return get_manifest();
    case State::assembling:
      return assemble();
    case State::making:
    case State::pausing:
    case State::committing:
    case State::finished:
      return;
  }
}

void LoadFlow::on_offer(const Offer& offer) {
  wake();
  // Only the empty file has no bytes, and that one is made here.
  if (offer.size == 0) return;
  pool_.add(offer);
  if (!key_.chunk_of || offer.size == key_.chunk_of->range.size()) return;
  pool_.failed(offer.node, Error{Errc::damaged, fmt::format("offers {} bytes for a chunk of {}", offer.size,
                                                            key_.chunk_of->range.size())});
}

// ---- what needs nobody else

bool LoadFlow::make_locally() {
  if (key_.sha1 == sha1_of("")) {
    state_ = State::making;
    ticket_ = jobs_.store_bytes("", [this](const Result<StoredFile>& stored) {
      if (!stored) return on_made(fail(stored.error()));
      on_made(store_.path_of(key_.sha1));
    });
    return true;
  }
  if (!key_.chunk_of) return false;
  Result<OpenFile> source = store_.open_file(key_);
  if (!source) return false;
  state_ = State::making;
  local_chunk_ =
      std::make_unique<LocalChunk>(network_.scheduler(), store_, jobs_, *std::move(source), key_.sha1,
                                   [this](Result<std::string> path) { on_made(std::move(path)); });
  return true;
}

void LoadFlow::on_made(Result<std::string> path) {
  // From within a callback of what made it: the end comes from the loop.
  network_.scheduler().defer([weak = weak_from_this(), path = std::move(path)] {
    if (const auto self = weak.lock()) self->finish(path);
  });
}

// ---- the manifest

void LoadFlow::get_manifest() {
  const milliseconds now = network_.scheduler().monotonic();
  const bool waiting = !manifest_fetches_.empty();
  const bool too_long = now - last_manifest_fetch_ >= network_.pace()(manifest_patience);
  if (!waiting || (too_long && manifest_fetches_.size() < max_manifest_fetches)) {
    if (const auto node = pool_.pick_for_manifest()) {
      start_manifest_fetch(*node);
    } else if (!waiting && !search_.running()) {
      log_info("nobody gave the manifest of {}: the file is loaded in one piece", key_.sha1.brief());
      go_on_without_manifest();
    }
  }
}

void LoadFlow::start_manifest_fetch(const NodeId& node) {
  last_manifest_fetch_ = network_.scheduler().monotonic();
  manifest_fetches_[node] = std::make_unique<ManifestFetch>(
      network_, node, *key_.manifest,
      [this, node](Result<std::string> text) { on_manifest(node, std::move(text)); });
}

// `node` by value: the fetch that holds the caller's copy goes first.
void LoadFlow::on_manifest(NodeId node, Result<std::string> text) {
  manifest_fetches_.erase(node);
  wake();
  if (state_ != State::manifest) return;
  if (text) {
    // It is a file of its own, which others may ask us for; failing to keep it does no harm to the load.
    manifest_ticket_ = jobs_.store_bytes(*text, [](const Result<StoredFile>& stored) {
      if (!stored) log_info("a manifest was not stored: {}", stored.error().message);
    });
    return use_manifest(*text);
  }
  log_info("{} could not give the manifest of {}: {}", network_.display_name(node), key_.sha1.brief(),
           text.error().message);
  pool_.manifest_failed(node, text.error());
}

// Its hash is right, so that no other provider could have a better one.
void LoadFlow::use_manifest(const std::string& text) {
  Result<Manifest> manifest = Manifest::parse(text);
  if (!manifest) {
    log_warning("the manifest of {} is none: {}", key_.sha1.brief(), manifest.error().message);
    return go_on_without_manifest();
  }
  if (manifest->sha1 != key_.sha1 || manifest->chunks.empty() || !PrefixCheck::can_check(*manifest)) {
    log_warning("the manifest {} does not fit the file {}: the file is loaded in one piece",
                key_.manifest->brief(), key_.sha1.brief());
    return go_on_without_manifest();
  }
  manifest_ = *std::move(manifest);
  state_ = State::assembling;
  wake();
}

void LoadFlow::go_on_without_manifest() {
  manifest_.reset();
  state_ = State::assembling;
  wake();
}

// ---- the file

void LoadFlow::assemble() {
  manifest_fetches_.clear();
  if (!assembly_ && !open_assembly()) return;
  assembly_->advance();
  switch (assembly_->state()) {
    case FileAssembly::State::running:
      return;
    case FileAssembly::State::starved:
      return on_starved();
    case FileAssembly::State::complete:
      return commit();
    case FileAssembly::State::manifest_lies:
      log_warning("the chunks of manifest {} do not add up to the file {}: the file is loaded in one piece",
                  key_.manifest ? key_.manifest->brief() : "", key_.sha1.brief());
      manifest_lied_ = true;
      return start_over_without_manifest();
    case FileAssembly::State::failed: {
      Error error = assembly_->error();
      assembly_.reset();
      return finish(fail(std::move(error)));
    }
  }
}

// The partial file is made when there is somebody to fill it.
bool LoadFlow::open_assembly() {
  Manifest plan;
  if (manifest_) {
    plan = *manifest_;
  } else if (const auto size = plain_size()) {
    plan = Manifest{*size, key_.sha1, {ManifestChunk{{0, *size}, key_.sha1}}};
  }
  if (plan.size == 0 || !pool_.any_usable(plan.size)) {
    on_starved();
    return false;
  }
  Result<PartialFile> partial = PartialFile::open(store_, plan);
  if (!partial && partial.error().code == Errc::no_space && !manifest_) {
    // Perhaps a lie about the size: others may offer less.
    pool_.rule_out(plan.size, Error{Errc::no_space,
                                    fmt::format("offers {} bytes: {}", plan.size, partial.error().message)});
    wake();
    return false;
  }
  if (!partial) {
    finish(fail(partial.error()));
    return false;
  }
  assembly_ = std::make_unique<FileAssembly>(
      network_, jobs_, pool_, *std::move(partial),
      [this](const ManifestChunk& chunk) { return key_of(chunk); }, [this] { wake(); });
  return true;
}

// A chunk is asked for by a key of its own, since reference nodes ignore ranges.
FileKey LoadFlow::key_of(const ManifestChunk& chunk) const {
  if (!manifest_) return key_;
  return FileKey{chunk.sha1, std::nullopt, ChunkOf{key_.sha1, key_.manifest, chunk.range}};
}

// Without a manifest the size is what providers say; nodes that say something else about a chunk lie.
std::optional<std::uint64_t> LoadFlow::plain_size() const {
  if (!key_.chunk_of) return pool_.usable_size();
  return key_.chunk_of->range.size();
}

void LoadFlow::start_over_without_manifest() {
  assembly_->throw_all_away();
  assembly_.reset();
  go_on_without_manifest();
}

// Nobody can be asked for what is missing.
void LoadFlow::on_starved() {
  if (assembly_ && !manifest_ && !pool_.any_usable(assembly_->size()) && plain_size() &&
      plain_size() != assembly_->size()) {
    // Others say that the file has another size.
    assembly_.reset();
    return wake();
  }
  if (search_.running()) return;
  if (manifest_ && !pool_.any_offering(manifest_->size) && pool_.any_usable()) {
    log_info("those who have {} say that it has another size than its manifest: it is loaded in one piece",
             key_.sha1.brief());
    assembly_.reset();
    return go_on_without_manifest();
  }
  if (pool_.empty()) return finish(fail(search_.nobody_error()));
  const std::uint64_t deliveries = assembly_ ? assembly_->deliveries() : 0;
  fruitless_rounds_ = deliveries > seen_deliveries_ ? 1 : fruitless_rounds_ + 1;
  seen_deliveries_ = deliveries;
  if (fruitless_rounds_ < max_fruitless_rounds) return pause_then_ask_again();
  finish(fail(delivery_error()));
}

void LoadFlow::pause_then_ask_again() {
  state_ = State::pausing;
  const milliseconds pause = network_.pace()(pause_between_rounds) * fruitless_rounds_;
  pause_ = network_.scheduler().after(pause, [this] {
    state_ = State::assembling;
    search_.start();
    wake();
  });
}

Error LoadFlow::delivery_error() const {
  Error error = pool_.summary(network_);
  if (manifest_lied_) {
    error.code = Errc::damaged;
    error.message =
        fmt::format("the manifest's chunks do not add up to the file, and in one piece {}", error.message);
  }
  return error;
}

// ---- the end

void LoadFlow::commit() {
  state_ = State::committing;
  ticket_ = jobs_.commit_partial(assembly_->partial(), [this](const Result<StoredFile>& stored) {
    if (!stored) return on_made(fail(stored.error()));
    assembly_->committed();
    on_made(store_.path_of(key_.sha1));
  });
}

void LoadFlow::finish(Result<std::string> result) {
  if (state_ == State::finished) return;
  const bool delivered = result && assembly_;
  const auto self = shared_from_this();  // a callback may drop the others
  tick_.reset();
  pause_.reset();
  progress_timer_.reset();
  if (delivered) report_progress();
  state_ = State::finished;
  assembly_.reset();
  manifest_fetches_.clear();
  const auto done = std::move(callbacks_.done);
  done(std::move(result));
}

void LoadFlow::progress_changed() {
  if (!assembly_ || progress_timer_ || state_ == State::finished) return;
  if (assembly_->loaded() == reported_.bytes_loaded) return;
  const milliseconds now = network_.scheduler().monotonic();
  const milliseconds due = last_report_ ? *last_report_ + progress_period : now;
  progress_timer_ = network_.scheduler().after(std::max(due - now, milliseconds(0)), [this] {
    progress_timer_.reset();
    report_progress();
  });
}

void LoadFlow::report_progress() {
  if (!assembly_) return;
  const auto self = shared_from_this();  // the callback may drop the others
  last_report_ = network_.scheduler().monotonic();
  std::uint64_t loaded = assembly_->loaded();
  // What is received twice, because a stream broke, does not count backwards; what was damaged does.
  if (assembly_->thrown_away() == thrown_away_) loaded = std::max(loaded, reported_.bytes_loaded);
  thrown_away_ = assembly_->thrown_away();
  reported_ =
      LoadProgress{std::min(loaded, assembly_->size()), assembly_->size(), assembly_->last_delivery()};
  callbacks_.progress(reported_);
}

}  // namespace kachery
