#include "store/store.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "base/log.h"
#include "crypto/sha1.h"
#include "store/clean_up.h"
#include "store/link_record.h"
#include "store/placing.h"
#include "store/read_fully.h"
#include "store/writer.h"

namespace kachery {
namespace {

constexpr std::size_t link_record_bytes = 64u << 10;

const Sha1& empty_sha1() {
  static const Sha1 sha1 = sha1_of("");
  return sha1;
}

std::uint64_t size_of_status(const struct stat& status) {
  return static_cast<std::uint64_t>(status.st_size);
}

tl::unexpected<Error> not_found(const Sha1& sha1) {
  return fail(Errc::not_found, "no file {} in the store", sha1.hex());
}

// Opens a regular file of ours, never following a symlink and never waiting for the other end of a FIFO.
// Anything that is no regular file counts as absent.
Result<OpenFile> open_regular(Env& env, const std::string& path, const Sha1& sha1) {
  struct stat status {};
  // Looked at before it is opened: opening a device has effects.
  int result = env.lstat(path, status);
  if (result == -ENOENT || result == -ENOTDIR) return not_found(sha1);
  if (result < 0) return fail(system_error(-result, "cannot look at " + path));
  if (!S_ISREG(status.st_mode)) return not_found(sha1);
  OpenFile file;
  result = env.open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW, 0);
  if (result == -ELOOP) return not_found(sha1);
  if (result < 0) return fail(system_error(-result, "cannot open " + path));
  file.fd.reset(result);
  result = env.fstat(file.fd.get(), status);
  if (result < 0) return fail(system_error(-result, "cannot look at " + path));
  if (!S_ISREG(status.st_mode)) return not_found(sha1);
  file.length = size_of_status(status);
  file.path = path;
  return file;
}

// The file that a link record names, if it is still what was linked.
Result<OpenFile> open_linked(Env& env, const LinkRecord& record, const Sha1& sha1) {
  const std::string shown = escaped(record.path);
  struct stat status {};
  // By way of a descriptor that only names the file: the record may name a device or a FIFO.
  const UniqueFd name(env.open(record.path, O_PATH, 0));
  int result = name.get() < 0 ? name.get() : env.fstat(name.get(), status);
  if (result < 0) {
    return fail(Errc::changed, "{}",
                system_error(-result, fmt::format("{}, linked as {}", shown, sha1.hex())).message);
  }
  if (!S_ISREG(status.st_mode) || !record.fits(status)) {
    return fail(Errc::changed, "{} is no longer the file that was linked as {}; link it again", shown,
                sha1.hex());
  }
  OpenFile file;
  result = env.open(record.path, O_RDONLY | O_NONBLOCK, 0);
  if (result < 0) return fail(system_error(-result, "cannot open the linked file " + shown));
  file.fd.reset(result);
  result = env.fstat(file.fd.get(), status);
  if (result < 0 || !S_ISREG(status.st_mode) || !record.fits(status)) {
    return fail(Errc::changed, "{} was replaced while it was opened; link it again", shown);
  }
  file.length = size_of_status(status);
  file.linked = true;
  file.path = record.path;
  return file;
}

Result<OpenFile> open_empty(std::string path) {
  OpenFile file;
  file.fd.reset(::memfd_create("empty", MFD_CLOEXEC));
  if (!file.fd) return fail(system_error(errno, "cannot make an empty file"));
  file.path = std::move(path);
  return file;
}

Result<OpenFile> open_whole(const Store& store, const Sha1& sha1) {
  Env& env = store.env();
  auto file = open_regular(env, store.path_of(sha1), sha1);
  if (sha1 == empty_sha1()) {
    if (file && file->length == 0) return file;
    return open_empty(store.path_of(sha1));
  }
  if (file || file.error().code != Errc::not_found) return file;
  const std::string link_path = store.link_path_of(sha1);
  KACHERY_TRY(const OpenFile link, open_regular(env, link_path, sha1));
  auto text = read_fully(env, link.fd.get(), link.length, link_record_bytes);
  auto record = text ? LinkRecord::parse(*text) : fail(text.error());
  if (!record) {
    return fail(Errc::not_found, "the link record {} is damaged: {}", link_path, record.error().message);
  }
  return open_linked(env, *record, sha1);
}

Error open_error(int result, const std::string& root) {
  switch (-result) {
    case ENOENT:
      return Error{Errc::not_found,
                   fmt::format("the storage directory {} does not exist; create it, or name another one in "
                               "KACHERY_STORAGE_DIR",
                               root)};
    case ENOTDIR:
      return Error{Errc::invalid, fmt::format("the storage directory {} is no directory", root)};
    case EACCES:
    case EPERM:
    case EROFS: {
      Error error = system_error(-result, fmt::format("the storage directory {} must be writable", root));
      error.code = Errc::io;
      return error;
    }
    default:
      return system_error(-result, "cannot use the storage directory " + root);
  }
}

Status make_own_directory(const Store& store, const std::string& path) {
  const int result = store.env().mkdir(path, 0755);
  if (result == -EEXIST) return {};
  if (result == -ENOSPC || result == -EDQUOT) return fail(write_error(store, result, "cannot make " + path));
  if (result < 0) return fail(open_error(result, store.root()));
  return {};
}

// Tries what storing does, and tells the file system's time.
Result<std::int64_t> try_writing(const Store& store) {
  Env& env = store.env();
  auto file = TemporaryFile::create(store);
  if (!file) return fail(file.error());
  int result = env.write_all(file->fd(), std::string(4096, '\0'));
  if (result < 0) return fail(write_error(store, result, "cannot write a temporary file"));
  struct stat status {};
  result = env.fstat(file->fd(), status);
  if (result < 0) return fail(write_error(store, result, "cannot look at a temporary file"));
  return std::int64_t{status.st_mtim.tv_sec};
}

}  // namespace

Result<Store> Store::open(Env& env, std::string root) {
  while (root.size() > 1 && root.back() == '/') root.pop_back();
  if (root.empty() || root.front() != '/') {
    return fail(Errc::invalid, "the storage directory must be an absolute path, got \"{}\"", escaped(root));
  }
  const UniqueFd directory(env.open(root, O_RDONLY | O_DIRECTORY, 0));
  if (directory.get() < 0) return fail(open_error(directory.get(), root));
  Store store(env, std::move(root));
  for (const char* name : {"/sha1", "/tmp", "/tmp/partial"}) {
    KACHERY_CHECK(make_own_directory(store, store.root() + name));
  }
  if (const int result = env.sync(directory.get()); result < 0) {
    return fail(write_error(store, result, "cannot sync the directory"));
  }
  KACHERY_TRY(const std::int64_t now_s, try_writing(store));
  remove_rubbish(store, now_s);
  KACHERY_CHECK(store.readable_path(empty_sha1()));
  return store;
}

std::string Store::path_of(const Sha1& sha1) const {
  const std::string hex = sha1.hex();
  return fmt::format("{}/sha1/{}/{}/{}/{}", root_, hex.substr(0, 2), hex.substr(2, 2), hex.substr(4, 2), hex);
}

std::string Store::link_path_of(const Sha1& sha1) const {
  return path_of(sha1) + ".link";
}

std::string Store::temporary_dir() const {
  return root_ + "/tmp";
}

Result<OpenFile> Store::open_file(const FileKey& key) const {
  auto file = open_whole(*this, key.sha1);
  if (file || !key.chunk_of) return file;
  const ByteRange range = key.chunk_of->range;
  auto whole = open_whole(*this, key.chunk_of->file);
  if (!whole) {
    // A file that changed is the more telling answer.
    return whole.error().code == Errc::not_found ? std::move(file) : std::move(whole);
  }
  if (range.start >= range.end || range.end > whole->length) {
    return fail(Errc::not_found, "file {} has {} bytes, not the range {} to {}", key.chunk_of->file.hex(),
                whole->length, range.start, range.end);
  }
  whole->offset = range.start;
  whole->length = range.size();
  return whole;
}

Result<std::uint64_t> Store::size_of(const FileKey& key) const {
  KACHERY_TRY(const OpenFile file, open_file(key));
  return file.length;
}

Result<std::string> Store::readable_path(const Sha1& sha1) const {
  struct stat status {};
  if (sha1 == empty_sha1() &&
      (env_->lstat(path_of(sha1), status) < 0 || !S_ISREG(status.st_mode) || status.st_size != 0)) {
    KACHERY_CHECK(store_bytes(*this, ""));
  }
  KACHERY_TRY(OpenFile file, open_whole(*this, sha1));
  return std::move(file.path);
}

Result<std::string> Store::read_verified(const Sha1& sha1, std::uint64_t max_bytes) const {
  KACHERY_TRY(const OpenFile file, open_whole(*this, sha1));
  KACHERY_TRY(std::string bytes, read_fully(*env_, file.fd.get(), file.length, max_bytes));
  if (sha1_of(bytes) != sha1) {
    return fail(Errc::damaged, "the bytes of {} do not have the hash {}; remove it and load it again",
                escaped(file.path), sha1.hex());
  }
  return bytes;
}

}  // namespace kachery
