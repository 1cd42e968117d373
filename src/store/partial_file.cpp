#include "store/partial_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "store/clean_up.h"
#include "store/incoming_file.h"
#include "store/placing.h"
#include "store/read_fully.h"

namespace kachery {
namespace {

constexpr std::string_view record_suffix = ".chunks";
constexpr std::size_t record_bytes = 4u << 20;  // more than the chunks of any manifest, and the header
constexpr int open_attempts = 10;
constexpr char verified_mark = '1';
constexpr char missing_mark = '0';

std::string partial_dir(const Store& store) {
  return store.temporary_dir() + "/partial";
}

// The first line of the record: what the data file is the beginning of.
std::string header_of(const Manifest& manifest) {
  return fmt::format("kachery-partial 1 {} {} {}\n", manifest.size, sha1_of(manifest.text()).hex(),
                     manifest.chunks.size());
}

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// Opens and locks the data file of that name, or makes it.
Result<UniqueFd> open_data(const Store& store, const std::string& path, struct stat& status) {
  Env& env = store.env();
  for (int i = 0; i < open_attempts; ++i) {
    struct stat named {};
    if (env.lstat(path, named) == 0 && !S_ISREG(named.st_mode)) {
      env.unlink(path);  // nothing of ours
      continue;
    }
    UniqueFd fd(env.open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0644));
    if (fd.get() < 0) return fail(write_error(store, fd.get(), "cannot open a partial file"));
    if (env.try_lock(fd.get()) < 0) {
      return fail(Errc::busy, "another process is loading into {}; wait for it to end", path);
    }
    // A cleaner, or another load that ended, may have removed the name before we had the lock.
    if (env.fstat(fd.get(), status) < 0 || env.lstat(path, named) < 0 || !same_file(status, named)) continue;
    if (S_ISREG(status.st_mode) && status.st_nlink == 1) {
      env.fchmod(fd.get(), 0644);
      return fd;
    }
    // Also an object of the store: it must not be written to.
    env.unlink(path);
  }
  return fail(Errc::busy, "{} is removed again and again by another process", path);
}

// The marks of the record, if it is of this manifest; else empty.
std::string read_marks(Env& env, int fd, const std::string& header, std::size_t chunks) {
  struct stat status {};
  if (env.fstat(fd, status) < 0 || status.st_size < 0) return {};
  const auto text = read_fully(env, fd, static_cast<std::uint64_t>(status.st_size), record_bytes);
  if (!text || text->size() != header.size() + chunks || !text->starts_with(header)) return {};
  std::string marks = text->substr(header.size());
  const bool good =
      std::all_of(marks.begin(), marks.end(), [](char c) { return c == verified_mark || c == missing_mark; });
  return good ? marks : std::string();
}

Result<UniqueFd> open_record(const Store& store, const std::string& path) {
  Env& env = store.env();
  struct stat status {};
  if (env.lstat(path, status) == 0 && !S_ISREG(status.st_mode)) env.unlink(path);
  UniqueFd fd(env.open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0644));
  if (fd.get() < 0) return fail(write_error(store, fd.get(), "cannot open the record of a partial file"));
  return fd;
}

// Reserves the whole size, so that a full disk is known before anything is loaded.
int reserve(Env& env, int fd, const struct stat& status, std::uint64_t size) {
  const auto have = static_cast<std::int64_t>(status.st_blocks) * 512;
  const std::int64_t free_bytes = env.free_bytes(fd);
  if (free_bytes >= 0 && free_bytes + have < static_cast<std::int64_t>(size)) return -ENOSPC;
  int result = env.allocate(fd, size);
  if (result == -EOPNOTSUPP) result = env.truncate(fd, size);
  return result;
}

}  // namespace

struct PartialFile::Impl {
  Store store;
  Manifest manifest;
  std::string path;
  std::string record_path;
  UniqueFd data;
  UniqueFd record;
  std::string marks;
  std::size_t header_bytes = 0;
  std::uint64_t unwritten = 0;  // bytes since write-back was last started

  // Takes up what is there, or begins anew.
  Status begin(const struct stat& status);
  void remove_files();
};

Status PartialFile::Impl::begin(const struct stat& status) {
  Env& env = store.env();
  const std::string header = header_of(manifest);
  header_bytes = header.size();
  if (static_cast<std::uint64_t>(status.st_size) == manifest.size) {
    marks = read_marks(env, record.get(), header, manifest.chunks.size());
  }
  int result = 0;
  struct stat emptied = status;
  if (marks.empty()) {
    // The record first: its marks must never be those of other data.
    result = env.truncate(record.get(), 0);
    if (result >= 0) result = env.truncate(data.get(), 0);
    emptied.st_blocks = 0;
  }
  if (result >= 0) result = reserve(env, data.get(), emptied, manifest.size);
  if (result < 0) {
    if (marks.empty()) remove_files();
    return fail(write_error(store, result, fmt::format("cannot reserve {} bytes", manifest.size)));
  }
  if (!marks.empty()) return {};
  marks.assign(manifest.chunks.size(), missing_mark);
  result = env.pwrite_all(record.get(), header + marks, 0);
  if (result < 0) {
    remove_files();
    return fail(write_error(store, result, "cannot write the record of a partial file"));
  }
  return {};
}

void PartialFile::Impl::remove_files() {
  Env& env = store.env();
  // The names may be those of a later load by now.
  struct stat opened {};
  struct stat named {};
  if (env.fstat(data.get(), opened) < 0 || env.lstat(path, named) < 0 || !same_file(opened, named)) return;
  env.unlink(record_path);
  env.unlink(path);
}

PartialFile::PartialFile(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PartialFile::PartialFile(PartialFile&&) noexcept = default;
PartialFile& PartialFile::operator=(PartialFile&&) noexcept = default;
PartialFile::~PartialFile() = default;

Result<PartialFile> PartialFile::open(const Store& store, const Manifest& manifest) {
  if (manifest.chunks.empty() || manifest.size > limits::file_bytes) {
    return fail(Errc::invalid, "a partial file needs at least one chunk and at most {} bytes",
                limits::file_bytes);
  }
  auto impl = std::unique_ptr<Impl>(new Impl{store, manifest, {}, {}, {}, {}, {}, 0, 0});
  impl->path = partial_dir(store) + "/" + manifest.sha1.hex();
  impl->record_path = impl->path + std::string(record_suffix);
  struct stat status {};
  KACHERY_TRY(impl->data, open_data(store, impl->path, status));
  auto record = open_record(store, impl->record_path);
  if (!record) {
    if (status.st_size == 0) impl->remove_files();
    return fail(std::move(record).error());
  }
  impl->record = *std::move(record);
  KACHERY_CHECK(impl->begin(status));
  return PartialFile(std::move(impl));
}

int PartialFile::fd() const {
  return impl_->data.get();
}

const Manifest& PartialFile::manifest() const {
  return impl_->manifest;
}

std::string PartialFile::path() const {
  return impl_->path;
}

std::string PartialFile::record_path() const {
  return impl_->record_path;
}

bool PartialFile::recorded(std::size_t chunk) const {
  return chunk < impl_->marks.size() && impl_->marks[chunk] == verified_mark;
}

Status PartialFile::write(std::uint64_t offset, std::string_view piece) {
  Impl& me = *impl_;
  if (offset > me.manifest.size || piece.size() > me.manifest.size - offset) {
    return fail(Errc::internal, "a write of {} bytes at {} into a file of {}", piece.size(), offset,
                me.manifest.size);
  }
  Env& env = me.store.env();
  if (const int result = env.pwrite_all(me.data.get(), piece, offset); result < 0) {
    return fail(write_error(me.store, result, "cannot write a partial file"));
  }
  me.unwritten += piece.size();
  if (me.unwritten >= write_back_bytes) {
    env.start_write_back(me.data.get(), 0, me.manifest.size);
    me.unwritten = 0;
  }
  return {};
}

Status PartialFile::record(std::size_t chunk, bool verified) {
  Impl& me = *impl_;
  if (chunk >= me.marks.size()) return fail(Errc::internal, "no chunk {} of {}", chunk, me.marks.size());
  me.marks[chunk] = verified ? verified_mark : missing_mark;
  const int result = me.store.env().pwrite_all(me.record.get(), std::string_view(me.marks).substr(chunk, 1),
                                               me.header_bytes + chunk);
  if (result < 0) return fail(write_error(me.store, result, "cannot write the record of a partial file"));
  return {};
}

void PartialFile::discard() {
  impl_->remove_files();
}

std::uint64_t remove_stale_partials(const Store& store, std::int64_t now_s, std::int64_t max_age_s) {
  Env& env = store.env();
  std::vector<std::string> names;
  env.list(partial_dir(store), names);
  std::uint64_t freed = 0;
  // Data files first: their locks are what counts.
  for (const std::string& name : names) {
    if (name.ends_with(record_suffix)) continue;
    freed += remove_if_abandoned(env, partial_dir(store) + "/" + name, now_s, max_age_s);
  }
  for (const std::string& name : names) {
    if (!name.ends_with(record_suffix)) continue;
    const std::string record_path = partial_dir(store) + "/" + name;
    const std::string data_path = record_path.substr(0, record_path.size() - record_suffix.size());
    struct stat status {};
    if (env.lstat(data_path, status) == 0) continue;
    freed += remove_if_abandoned(env, record_path, now_s, max_age_s);
  }
  return freed;
}

}  // namespace kachery
