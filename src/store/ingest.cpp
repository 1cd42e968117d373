#include "store/ingest.h"

#include <fcntl.h>
#include <stdlib.h>

#include <cerrno>
#include <cmath>
#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "store/incoming_file.h"
#include "store/link_record.h"
#include "store/manifest.h"
#include "store/piece_buffer.h"
#include "store/placing.h"

namespace kachery {
namespace {

constexpr std::size_t pieces_per_step = 16;

bool same(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
         a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

Result<std::string> real_path(const std::string& path) {
  if (path.find('\0') != std::string::npos) return fail(Errc::invalid, "a path must have no NUL byte");
  const std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr), ::free);
  if (!real) return fail(system_error(errno, "cannot find " + escaped(path)));
  return std::string(real.get());
}

bool is_below(const std::string& path, const std::string& directory) {
  return path.starts_with(directory) && (directory == "/" || path[directory.size()] == '/');
}

// Opens a regular file without waiting for, or doing anything to, what is none.
Result<UniqueFd> open_source(Env& env, const std::string& path, struct stat& status) {
  const std::string shown = escaped(path);
  const UniqueFd name(env.open(path, O_PATH, 0));
  if (name.get() < 0) return fail(system_error(-name.get(), "cannot open " + shown));
  if (const int result = env.fstat(name.get(), status); result < 0) {
    return fail(system_error(-result, "cannot look at " + shown));
  }
  if (!S_ISREG(status.st_mode)) return fail(Errc::invalid, "{} is not a regular file", shown);
  struct stat opened {};
  UniqueFd fd(env.open(path, O_RDONLY | O_NONBLOCK, 0));
  if (fd.get() < 0) return fail(system_error(-fd.get(), "cannot open " + shown));
  if (const int result = env.fstat(fd.get(), opened); result < 0) {
    return fail(system_error(-result, "cannot look at " + shown));
  }
  if (!same(status, opened))
    return fail(Errc::changed, "{} was replaced while it was opened; try again", shown);
  return fd;
}

}  // namespace

Result<Ingest> Ingest::begin(const Store& store, const std::string& path, Mode mode,
                             std::optional<SeenStatus> seen) {
  // Links outlive symlinks and working directories, so they name the file itself.
  KACHERY_TRY(std::string real, real_path(path));
  Ingest ingest(store, std::move(real));
  KACHERY_TRY(ingest.source_, open_source(store.env(), ingest.path_, ingest.before_));
  const std::string shown = escaped(path);
  if (seen) {
    const LinkRecord expected{ingest.path_, std::nullopt, seen->size, seen->mtime};
    if (!expected.fits(ingest.before_)) {
      return fail(Errc::changed, "{} has size {} and mtime {:.6f}, expected {} and {:.6f}; try again", shown,
                  ingest.total(), mtime_of(ingest.before_), seen->size, seen->mtime);
    }
  }
  if (ingest.total() > limits::file_bytes) {
    return fail(Errc::too_large, "a file may have {} bytes, {} has {}", limits::file_bytes, shown,
                ingest.total());
  }
  if (mode == Mode::copy) {
    KACHERY_TRY(ingest.copy_, IncomingFile::create(store, ingest.total()));
  } else {
    KACHERY_TRY(const std::string root, real_path(store.root()));
    if (is_below(ingest.path_, root)) {
      return fail(Errc::invalid, "{} is in the storage directory and cannot be linked", shown);
    }
    if (Json(ingest.path_).string() != ingest.path_) {
      return fail(Errc::invalid, "{} cannot be linked, because its path is not UTF-8", shown);
    }
  }
  ::posix_fadvise(ingest.source_.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  return ingest;
}

Result<bool> Ingest::step() {
  char* const buffer = piece_buffer();
  for (std::size_t i = 0; i < pieces_per_step; ++i) {
    const ssize_t n = store_.env().read(source_.get(), buffer, piece_bytes);
    if (n < 0) return fail(system_error(static_cast<int>(-n), "cannot read " + escaped(path_)));
    if (n == 0) return true;
    const std::string_view piece(buffer, static_cast<std::size_t>(n));
    done_ += piece.size();
    if (done_ > total()) break;
    if (copy_) {
      KACHERY_CHECK(copy_->write(piece));
    } else {
      hasher_.update(piece);
    }
  }
  if (done_ > total()) return fail(Errc::changed, "{} grew while it was read; try again", escaped(path_));
  return false;
}

Status Ingest::check_unchanged() const {
  Env& env = store_.env();
  struct stat opened {};
  struct stat named {};
  const UniqueFd name(env.open(path_, O_PATH, 0));
  const bool unchanged = done_ == total() && env.fstat(source_.get(), opened) == 0 && same(before_, opened) &&
                         name && env.fstat(name.get(), named) == 0 && same(before_, named);
  if (!unchanged) return fail(Errc::changed, "{} changed while it was read; try again", escaped(path_));
  return {};
}

Result<StoredFile> Ingest::finish() {
  KACHERY_CHECK(check_unchanged());
  return copy_ ? copy_->commit() : write_link();
}

int Ingest::copied_fd() const {
  return copy_ ? copy_->fd() : -1;
}

Result<StoredFile> Ingest::write_link() {
  const FileAndChunkHasher::Digests digests = hasher_.finish();
  StoredFile stored{digests.file, std::nullopt, digests.size};
  if (wants_manifest(digests.size)) {
    KACHERY_TRY(const StoredFile manifest, store_bytes(store_, manifest_of(digests).text()));
    stored.manifest = manifest.sha1;
  }
  // A file that the store holds itself needs no link.
  struct stat there {};
  if (store_.env().lstat(store_.path_of(stored.sha1), there) == 0 && S_ISREG(there.st_mode) &&
      static_cast<std::uint64_t>(there.st_size) == stored.size) {
    return stored;
  }
  const LinkRecord record{path_, stored.manifest, stored.size, mtime_of(before_)};
  KACHERY_CHECK(replace_record(store_, store_.link_path_of(stored.sha1), record.text()));
  return stored;
}

}  // namespace kachery
