#include "transfer/file_assembly.h"

#include <utility>

#include "base/log.h"

namespace kachery {

namespace {

// Fetches in flight, over all providers.
constexpr std::size_t max_fetches = 8;
// A chunk may be taken from its provider after so long, if it would take as long again. Before the pace.
constexpr milliseconds patience{20'000};
// A file in one piece, of which all that has come would be lost, only from a provider that sends less than
// this, in bytes per millisecond.
constexpr double crawl = 1;

}  // namespace

FileAssembly::FileAssembly(Network& network, StoreJobs& jobs, ProviderPool& pool, PartialFile partial,
                           KeyOf key_of, std::function<void()> woken)
    : network_(network),
      pool_(pool),
      partial_(std::move(partial)),
      key_of_(std::move(key_of)),
      woken_(std::move(woken)),
      chunks_(partial_.manifest().chunks.size()),
      prefix_(jobs, partial_, [this](Result<bool> right) { on_checked(std::move(right)); }) {
  for (std::size_t i = 0; i < chunks_.size(); ++i) {
    if (partial_.recorded(i)) {
      chunks_[i].origin = Origin::earlier_process;
      bytes_in_place_ += partial_.manifest().chunks[i].range.size();
      keep_ = true;
    } else {
      missing_.insert(i);
    }
  }
}

FileAssembly::~FileAssembly() {
  for (const auto& [index, fetch] : fetches_) pool_.stopped(fetch->node());
  fetches_.clear();
  if (!keep_) partial_.discard();
}

void FileAssembly::advance() {
  if (state_ != State::running && state_ != State::starved) return;
  check_prefix();
  if (state_ == State::complete || state_ == State::manifest_lies) return;
  assign_missing();
  if (missing_.empty()) take_from_the_slowest();
  const bool at_work = prefix_.busy() || !fetches_.empty();
  state_ = !at_work && !missing_.empty() ? State::starved : State::running;
}

std::uint64_t FileAssembly::loaded() const {
  std::uint64_t bytes = bytes_in_place_;
  for (const auto& [index, fetch] : fetches_) bytes += fetch->received();
  return bytes;
}

void FileAssembly::assign_missing() {
  while (fetches_.size() < max_fetches && !missing_.empty()) {
    const std::size_t index = *missing_.begin();
    const auto node = pool_.pick(size(), chunks_[index].failed_by);
    if (!node) return;
    start_fetch(index, *node);
  }
}

void FileAssembly::start_fetch(std::size_t index, const NodeId& node) {
  missing_.erase(index);
  pool_.started(node);
  const ManifestChunk& chunk = partial_.manifest().chunks[index];
  fetches_[index] = std::make_unique<ChunkFetch>(
      network_, node, key_of_(chunk), chunk, partial_,
      ChunkFetch::Callbacks{
          [this, node] {
            last_delivery_ = node;
            woken_();
          },
          [this, index](ChunkFetch::Outcome outcome) { on_fetched(index, std::move(outcome)); }});
}

void FileAssembly::on_fetched(std::size_t index, ChunkFetch::Outcome outcome) {
  const std::unique_ptr<ChunkFetch> fetch = std::move(fetches_.extract(index).mapped());
  const NodeId node = fetch->node();
  woken_();
  if (outcome.own_fault) {
    pool_.stopped(node);
    return fail_with(std::move(outcome.status).error());
  }
  if (outcome.status) {
    pool_.delivered(node);
    chunks_[index] = Chunk{Origin::provider, std::nullopt};
    bytes_in_place_ += fetch->size();
    ++deliveries_;
    keep_ = true;
    if (Status recorded = partial_.record(index, true); !recorded) fail_with(std::move(recorded).error());
    return;
  }
  const Error& error = outcome.status.error();
  pool_.failed(node, error);
  chunks_[index].failed_by = node;
  missing_.insert(index);
  if (error.code == Errc::damaged) {
    ++thrown_away_;
    log_warning("{} {}: chunk {} of {} is thrown away, and the node asked no more for this load",
                network_.display_name(node), error.message, index, partial_.manifest().sha1.brief());
  } else {
    log_info("{} could not give chunk {} of {}: {}", network_.display_name(node), index,
             partial_.manifest().sha1.brief(), error.message);
  }
}

// When every chunk has its fetch and a provider is idle, a fetch that crawls is ended and its chunk given to
// the idle one. Each provider loses chunks in this way once at most, so that this comes to an end.
void FileAssembly::take_from_the_slowest() {
  const milliseconds enough = network_.pace()(patience);
  const milliseconds now = network_.scheduler().monotonic();
  for (auto it = fetches_.begin(); it != fetches_.end(); ++it) {
    const ChunkFetch& fetch = *it->second;
    const milliseconds spent = now - fetch.started();
    if (spent < enough || !pool_.any_spare(size(), fetch.node())) continue;
    const double rate = static_cast<double>(fetch.received()) / static_cast<double>(spent.count() + 1);
    const double left = static_cast<double>(fetch.size() - fetch.received());
    if (left <= rate * static_cast<double>(enough.count())) continue;
    if (chunks_.size() == 1 && rate >= crawl) continue;
    log_info("{} is slow: another node is asked for chunk {} of {}", network_.display_name(fetch.node()),
             it->first, partial_.manifest().sha1.brief());
    pool_.too_slow(fetch.node());
    chunks_[it->first].failed_by = fetch.node();
    missing_.insert(it->first);
    fetches_.erase(it);
    return assign_missing();
  }
}

void FileAssembly::check_prefix() {
  const Manifest& manifest = partial_.manifest();
  // A single chunk that has just arrived with the hash of the file needs no second look.
  if (chunks_.size() == 1 && chunks_[0].origin == Origin::provider) {
    state_ = manifest.chunks[0].sha1 == manifest.sha1 ? State::complete : State::manifest_lies;
    return;
  }
  if (prefix_.busy()) return;
  if (prefix_.next() == chunks_.size()) {
    state_ = prefix_.digest() == manifest.sha1 ? State::complete : State::manifest_lies;
  } else if (chunks_[prefix_.next()].origin != Origin::nowhere) {
    prefix_.check_next();
  }
}

void FileAssembly::on_checked(Result<bool> right) {
  woken_();
  if (!right) return fail_with(std::move(right).error());
  if (*right) return;
  const std::size_t index = prefix_.next();
  if (chunks_[index].origin == Origin::provider) {
    return fail_with(Error{
        Errc::io, fmt::format("the disk gave back other bytes than were written to {}", partial_.path())});
  }
  log_warning("chunk {} of the partial file {} is not what was recorded: it is loaded again", index,
              partial_.path());
  throw_away(index);
}

void FileAssembly::throw_away(std::size_t index) {
  ++thrown_away_;
  bytes_in_place_ -= partial_.manifest().chunks[index].range.size();
  chunks_[index].origin = Origin::nowhere;
  missing_.insert(index);
  if (Status recorded = partial_.record(index, false); !recorded) fail_with(std::move(recorded).error());
}

// A full disk is freed of what is of no use while it is full.
void FileAssembly::fail_with(Error error) {
  state_ = State::failed;
  if (error.code == Errc::no_space) {
    keep_ = false;
    error.message += "; what had arrived of the file was removed, make room and load it again";
  }
  error_ = std::move(error);
}

}  // namespace kachery
