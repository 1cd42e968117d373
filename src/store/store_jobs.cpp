// The store's jobs as the worker does them.
#include <algorithm>
#include <ctime>
#include <utility>

#include "store/incoming_file.h"
#include "store/ingest.h"
#include "store/job_format.h"
#include "store/jobs.h"
#include "store/piece_buffer.h"
#include "store/placing.h"
#include "store/read_fully.h"

namespace kachery {
namespace {

using JobPtr = std::unique_ptr<WorkerJob>;
using Fds = std::vector<UniqueFd>;

constexpr std::uint64_t slice_bytes = 4u << 20;
constexpr std::uint64_t small_content_bytes = 256u << 20;

// Waits for write-back a slice at a time, so that the sync at the end is short.
class SlicedWriteBack {
 public:
  // True when nothing is left to wait for.
  bool step(Env& env, int fd, std::uint64_t size) {
    if (at_ >= size) return true;
    env.wait_write_back(fd, at_, write_back_bytes);
    at_ += write_back_bytes;
    return false;
  }

 private:
  std::uint64_t at_ = 0;
};

// Reads `range` of a file into `take`, a slice a step.
class SlicedRead {
 public:
  explicit SlicedRead(ByteRange range) : at_(range.start), end_(range.end) {}

  template <class Take>
  Result<bool> step(Env& env, int fd, Take take) {
    const std::uint64_t stop = std::min(end_, at_ + slice_bytes);
    char* const buffer = piece_buffer();
    while (at_ < stop) {
      const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(stop - at_, piece_bytes));
      const ssize_t n = env.pread(fd, buffer, wanted, at_);
      if (n < 0) return fail(system_error(static_cast<int>(-n), "cannot read a file that is to be hashed"));
      if (n == 0) return fail(Errc::changed, "a file ends at byte {}, where {} were expected", at_, end_);
      take(std::string_view(buffer, static_cast<std::size_t>(n)));
      at_ += static_cast<std::uint64_t>(n);
    }
    return at_ == end_;
  }

  std::uint64_t at() const { return at_; }

 private:
  std::uint64_t at_;
  std::uint64_t end_;
};

class IngestJob final : public WorkerJob {
 public:
  IngestJob(const Store& store, Ingest ingest) : store_(store), ingest_(std::move(ingest)) {}

  Step step() override {
    if (!all_read_) {
      auto all = ingest_.step();
      if (!all) return fail(std::move(all).error());
      all_read_ = *all;
      return std::nullopt;
    }
    if (ingest_.copied_fd() >= 0 && !write_back_.step(store_.env(), ingest_.copied_fd(), ingest_.total())) {
      return std::nullopt;
    }
    return ingest_.finish().map(stored_to_json);
  }

  std::uint64_t done_bytes() const override { return ingest_.done(); }
  std::uint64_t total_bytes() const override { return ingest_.total(); }

 private:
  const Store& store_;
  Ingest ingest_;
  SlicedWriteBack write_back_;
  bool all_read_ = false;
};

Result<JobPtr> make_store_file(const Store& store, const Json& arguments, Fds) {
  KACHERY_TRY(const std::string path, path_from_json(arguments["path"]));
  KACHERY_TRY(Ingest ingest, Ingest::begin(store, path, Ingest::Mode::copy));
  return std::make_unique<IngestJob>(store, std::move(ingest));
}

Result<JobPtr> make_link_file(const Store& store, const Json& arguments, Fds) {
  KACHERY_TRY(const std::string path, path_from_json(arguments["path"]));
  SeenStatus seen;
  KACHERY_TRY(seen.size, count_from_json(arguments["size"]));
  seen.mtime = arguments["mtime"].number();
  KACHERY_TRY(Ingest ingest, Ingest::begin(store, path, Ingest::Mode::link, seen));
  return std::make_unique<IngestJob>(store, std::move(ingest));
}

class CommitJob final : public WorkerJob {
 public:
  CommitJob(const Store& store, UniqueFd fd, std::string name, std::uint64_t size, Sha1 sha1,
            std::string manifest_text)
      : store_(store),
        fd_(std::move(fd)),
        name_(std::move(name)),
        size_(size),
        sha1_(sha1),
        manifest_text_(std::move(manifest_text)) {}

  Step step() override {
    if (!write_back_.step(store_.env(), fd_.get(), size_)) return std::nullopt;
    return commit_content(store_, fd_.get(), name_, size_, sha1_, manifest_text_).map(stored_to_json);
  }

 private:
  const Store& store_;
  UniqueFd fd_;
  std::string name_;
  std::uint64_t size_;
  Sha1 sha1_;
  std::string manifest_text_;
  SlicedWriteBack write_back_;
};

Result<JobPtr> make_commit(const Store& store, const Json& arguments, Fds fds) {
  if (fds.size() != 1) return fail(Errc::internal, "a commit needs its file");
  KACHERY_TRY(std::string name, path_from_json(arguments["name"]));
  KACHERY_TRY(const std::uint64_t size, count_from_json(arguments["size"]));
  KACHERY_TRY(const Sha1 sha1, sha1_from_json(arguments["sha1"]));
  return std::make_unique<CommitJob>(store, std::move(fds.front()), std::move(name), size, sha1,
                                     std::string(arguments["manifest"].string()));
}

// A job of one step.
class OneStepJob final : public WorkerJob {
 public:
  explicit OneStepJob(std::function<Result<Json>()> work) : work_(std::move(work)) {}
  Step step() override { return work_(); }

 private:
  std::function<Result<Json>()> work_;
};

Result<JobPtr> make_store_bytes(const Store& store, const Json& arguments, Fds fds) {
  if (fds.size() != 1) return fail(Errc::internal, "bytes to be stored need their file");
  KACHERY_TRY(const std::uint64_t size, count_from_json(arguments["size"]));
  auto shared = std::make_shared<UniqueFd>(std::move(fds.front()));
  return std::make_unique<OneStepJob>([&store, size, shared]() -> Result<Json> {
    KACHERY_TRY(const std::string bytes, read_fully(store.env(), shared->get(), size, small_content_bytes));
    if (bytes.size() != size) return fail(Errc::internal, "bytes to be stored came incomplete");
    return store_bytes(store, bytes).map(stored_to_json);
  });
}

class HashRangeJob final : public WorkerJob {
 public:
  HashRangeJob(const Store& store, UniqueFd fd, ByteRange range, std::optional<Sha1Hasher::Midstate> before)
      : store_(store), fd_(std::move(fd)), range_(range), read_(range) {
    if (before) prefix_ = Sha1Hasher::from_midstate(*before);
  }

  Step step() override {
    auto all = read_.step(store_.env(), fd_.get(), [this](std::string_view piece) {
      // A state to go on from is that of whole blocks, so both are at the same place within one.
      if (prefix_) {
        update_pair(*prefix_, own_, piece);
      } else {
        own_.update(piece);
      }
    });
    if (!all) return fail(std::move(all).error());
    if (!*all) return std::nullopt;
    // From the file's beginning both are the same.
    Sha1Hasher& prefix = prefix_ ? *prefix_ : own_;
    const bool known = prefix_ || range_.start == 0;
    std::optional<Sha1Hasher::Midstate> midstate;
    if (known && range_.end % 64 == 0) midstate = prefix.midstate();
    Json prefix_digest;
    if (known) prefix_digest = Sha1Hasher(prefix).finish().hex();
    return Json::object({{"range", sha1_to_json(own_.finish())},
                         {"prefix", midstate_to_json(midstate)},
                         {"prefixDigest", prefix_digest}});
  }

  std::uint64_t done_bytes() const override { return read_.at() - range_.start; }
  std::uint64_t total_bytes() const override { return range_.size(); }

 private:
  const Store& store_;
  UniqueFd fd_;
  ByteRange range_;
  SlicedRead read_;
  Sha1Hasher own_;
  std::optional<Sha1Hasher> prefix_;
};

Result<JobPtr> make_hash_range(const Store& store, const Json& arguments, Fds fds) {
  if (fds.size() != 1) return fail(Errc::internal, "a range to be hashed needs its file");
  ByteRange range;
  KACHERY_TRY(range.start, count_from_json(arguments["start"]));
  KACHERY_TRY(range.end, count_from_json(arguments["end"]));
  if (range.end < range.start) return fail(Errc::internal, "a range must not end before its start");
  KACHERY_TRY(const auto before, midstate_from_json(arguments["before"]));
  if (before && before->length != range.start) {
    return fail(Errc::internal, "a hash of {} bytes cannot go on at byte {}", before->length, range.start);
  }
  return std::make_unique<HashRangeJob>(store, std::move(fds.front()), range, before);
}

class CommitPartialJob final : public WorkerJob {
 public:
  struct Arguments {
    std::string path;
    std::uint64_t size = 0;
    Sha1 sha1;
    std::string manifest_text;  // "" of a file that wants one: to be made here
    std::string record_path;
  };
  CommitPartialJob(const Store& store, UniqueFd fd, Arguments arguments)
      : store_(store), fd_(std::move(fd)), arguments_(std::move(arguments)), read_({0, arguments_.size}) {
    hash_ = wants_manifest(arguments_.size) && arguments_.manifest_text.empty();
  }

  Step step() override {
    if (hash_) {
      auto all =
          read_.step(store_.env(), fd_.get(), [this](std::string_view piece) { hasher_.update(piece); });
      if (!all) return fail(std::move(all).error());
      if (!*all) return std::nullopt;
      const FileAndChunkHasher::Digests digests = hasher_.finish();
      if (digests.file != arguments_.sha1) {
        return fail(Errc::damaged, "the loaded bytes have the hash {}, not {}", digests.file.hex(),
                    arguments_.sha1.hex());
      }
      arguments_.manifest_text = manifest_text_of(digests);
      hash_ = false;
    }
    if (!write_back_.step(store_.env(), fd_.get(), arguments_.size)) return std::nullopt;
    auto stored = commit_content(store_, fd_.get(), arguments_.path, arguments_.size, arguments_.sha1,
                                 arguments_.manifest_text);
    if (stored) store_.env().unlink(arguments_.record_path);
    return std::move(stored).map(stored_to_json);
  }

 private:
  const Store& store_;
  UniqueFd fd_;
  Arguments arguments_;
  SlicedRead read_;
  FileAndChunkHasher hasher_;
  SlicedWriteBack write_back_;
  bool hash_ = false;
};

Result<JobPtr> make_commit_partial(const Store& store, const Json& arguments, Fds fds) {
  if (fds.size() != 1) return fail(Errc::internal, "a commit needs its file");
  CommitPartialJob::Arguments parsed;
  KACHERY_TRY(parsed.path, path_from_json(arguments["path"]));
  KACHERY_TRY(parsed.record_path, path_from_json(arguments["recordPath"]));
  KACHERY_TRY(parsed.size, count_from_json(arguments["size"]));
  KACHERY_TRY(parsed.sha1, sha1_from_json(arguments["sha1"]));
  parsed.manifest_text = arguments["manifest"].string();
  return std::make_unique<CommitPartialJob>(store, std::move(fds.front()), std::move(parsed));
}

Result<JobPtr> make_remove_partials(const Store& store, const Json& arguments, Fds) {
  KACHERY_TRY(const std::uint64_t max_age_s, count_from_json(arguments["maxAge"]));
  return std::make_unique<OneStepJob>([&store, max_age_s]() -> Result<Json> {
    return Json(remove_stale_partials(store, ::time(nullptr), static_cast<std::int64_t>(max_age_s)));
  });
}

}  // namespace

void add_store_jobs(WorkerJobTable& table, const Store& store) {
  const auto shared = std::make_shared<const Store>(store);
  const auto add = [&](const char* kind, Result<JobPtr> (*make)(const Store&, const Json&, Fds)) {
    table[kind] = [shared, make](const Json& arguments, Fds fds) {
      return make(*shared, arguments, std::move(fds));
    };
  };
  add(job::store_file, make_store_file);
  add(job::link_file, make_link_file);
  add(job::commit, make_commit);
  add(job::store_bytes, make_store_bytes);
  add(job::hash_range, make_hash_range);
  add(job::commit_partial, make_commit_partial);
  add(job::remove_partials, make_remove_partials);
}

}  // namespace kachery
