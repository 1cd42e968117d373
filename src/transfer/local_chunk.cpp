#include "transfer/local_chunk.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace kachery {

namespace {

constexpr std::uint64_t slice_bytes = 1u << 20;

}  // namespace

LocalChunk::LocalChunk(Scheduler& scheduler, const Store& store, StoreJobs& jobs, OpenFile source,
                       const Sha1& expected, Done done)
    : scheduler_(scheduler),
      store_(store),
      jobs_(jobs),
      source_(std::move(source)),
      expected_(expected),
      done_(std::move(done)),
      next_(scheduler.after(milliseconds(0), [this] { step(); })) {}

void LocalChunk::step() {
  if (Status status = copy_slice(); !status) return finish(fail(std::move(status).error()));
  if (copied_ == source_.length) return commit();
  next_ = scheduler_.after(milliseconds(0), [this] { step(); });
}

Status LocalChunk::copy_slice() {
  if (!file_) {
    KACHERY_TRY(file_, IncomingFile::create(store_, source_.length));
  }
  std::string slice(std::min(slice_bytes, source_.length - copied_), '\0');
  const ssize_t got =
      ::pread(source_.fd.get(), slice.data(), slice.size(), static_cast<off_t>(source_.offset + copied_));
  if (got < 0) return tl::unexpected(system_error(errno, "cannot read " + source_.path));
  if (got == 0) return fail(Errc::changed, "{} became shorter while it was read", source_.path);
  slice.resize(static_cast<std::size_t>(got));
  hasher_.update(slice);
  copied_ += slice.size();
  return file_->write(slice);
}

void LocalChunk::commit() {
  if (hasher_.finish() != expected_) {
    return finish(fail(Errc::damaged, "bytes {} to {} of {} do not have the SHA-1 {}", source_.offset,
                       source_.offset + source_.length, source_.path, expected_.hex()));
  }
  ticket_ = jobs_.commit(*std::move(file_), [this](const Result<StoredFile>& stored) {
    if (!stored) return finish(fail(stored.error()));
    finish(store_.path_of(expected_));
  });
}

void LocalChunk::finish(Result<std::string> result) {
  const auto done = std::move(done_);
  done(std::move(result));  // may have destroyed this
}

}  // namespace kachery
