#include "store/placing.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "base/log.h"
#include "store/read_fully.h"

namespace kachery {
namespace {

constexpr mode_t file_mode = 0644;  // readers open the files themselves
constexpr mode_t directory_mode = 0755;

std::string parent_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

Status sync_directory(const Store& store, const std::string& path) {
  Env& env = store.env();
  const UniqueFd fd(env.open(path, O_RDONLY | O_DIRECTORY, 0));
  if (fd.get() < 0) return fail(write_error(store, fd.get(), "cannot open " + path));
  if (const int result = env.sync(fd.get()); result < 0) {
    return fail(write_error(store, result, "cannot sync " + path));
  }
  return {};
}

std::string fresh_name(const Store& store) {
  return store.temporary_dir() + "/incoming." + random_letters(16);
}

// 0 (also if it was there already under this very name and size) or a negative errno.
int link_once(Env& env, int fd, const std::string& temporary_name, const std::string& target) {
  if (temporary_name.empty()) return env.link_fd(fd, target);
  const int result = env.link(temporary_name, target);
  if (result != -EPERM && result != -EOPNOTSUPP && result != -EMLINK && result != -ENOSYS) return result;
  // No hard links here: rename, which replaces, but what it could replace in between has the same bytes.
  struct stat there {};
  if (env.lstat(target, there) == 0) return -EEXIST;
  return env.rename(temporary_name, target);
}

// Puts the file over whatever is at `target`.
int replace_target(const Store& store, int fd, std::string temporary_name, const std::string& target) {
  Env& env = store.env();
  if (temporary_name.empty()) {
    temporary_name = fresh_name(store);
    // The lock tells cleaners that the name is in use while it exists.
    env.try_lock(fd);
    if (const int linked = env.link_fd(fd, temporary_name); linked < 0) return linked;
  }
  const int result = env.rename(temporary_name, target);
  if (result < 0) env.unlink(temporary_name);
  return result;
}

// An object that another process may have put there a moment ago must be durable before we say so.
Status sync_existing(const Store& store, const std::string& target) {
  Env& env = store.env();
  const UniqueFd fd(env.open(target, O_RDONLY | O_NONBLOCK | O_NOFOLLOW, 0));
  if (fd.get() < 0) return {};  // unreadable to us, so not ours to vouch for
  if (const int result = env.sync_data(fd.get()); result < 0) {
    return fail(write_error(store, result, "cannot sync " + target));
  }
  return {};
}

}  // namespace

Error write_error(const Store& store, int result, std::string_view doing) {
  const int code = -result;
  if (code == ENOSPC || code == EDQUOT) {
    return Error{Errc::no_space,
                 fmt::format("the disk or quota of the storage directory {} is full ({}); free some space "
                             "or use another directory",
                             store.root(), doing)};
  }
  Error error = system_error(code, fmt::format("{} in the storage directory {}", doing, store.root()));
  if (code == EFBIG) error.code = Errc::too_large;
  // A name that is missing here is no answer to "is there such a file?".
  if (error.code == Errc::not_found || error.code == Errc::exists) error.code = Errc::io;
  return error;
}

Result<TemporaryFile> TemporaryFile::create(const Store& store) {
  Env& env = store.env();
  TemporaryFile file(env);
  file.fd_.reset(env.open_unnamed(store.temporary_dir(), file_mode));
  if (file.fd() == -EOPNOTSUPP) {
    const std::string name = fresh_name(store);
    file.fd_.reset(env.open(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, file_mode));
    if (file.fd() >= 0) file.name_ = name;
  }
  if (file.fd() < 0) return fail(write_error(store, file.fd(), "cannot create a temporary file"));
  int result = file.name_.empty() ? 0 : env.try_lock(file.fd());
  if (result >= 0) result = env.fchmod(file.fd(), file_mode);
  if (result < 0) return fail(write_error(store, result, "cannot prepare a temporary file"));
  return file;
}

TemporaryFile::TemporaryFile(TemporaryFile&& other) noexcept
    : env_(other.env_), fd_(std::move(other.fd_)), name_(std::exchange(other.name_, {})) {}

TemporaryFile& TemporaryFile::operator=(TemporaryFile&& other) noexcept {
  std::swap(env_, other.env_);
  std::swap(fd_, other.fd_);
  std::swap(name_, other.name_);
  return *this;
}

TemporaryFile::~TemporaryFile() {
  if (!name_.empty()) env_->unlink(name_);
}

Status place_file(const Store& store, int fd, const std::string& temporary_name, const Sha1& sha1,
                  std::uint64_t size, bool replace) {
  Env& env = store.env();
  if (const int result = env.sync_data(fd); result < 0) {
    return fail(write_error(store, result, "cannot sync a new file"));
  }
  const std::string target = store.path_of(sha1);
  int result = link_once(env, fd, temporary_name, target);
  struct stat there {};
  if (result == -ENOENT && env.lstat(target, there) == -ENOENT) {
    KACHERY_CHECK(make_directories(store, target));
    result = link_once(env, fd, temporary_name, target);
  } else if (result == -ENOENT) {
    result = -EEXIST;  // repeated: the temporary name is gone, because the file is in place
  }
  if (result == -EEXIST) {
    result = env.lstat(target, there);
    const bool whole =
        result == 0 && S_ISREG(there.st_mode) && static_cast<std::uint64_t>(there.st_size) == size;
    if (result == 0 && (replace || !whole)) {
      log_warning("replacing {}, which is not the file that its name says", target);
      result = replace_target(store, fd, temporary_name, target);
    } else if (result == 0) {
      KACHERY_CHECK(sync_existing(store, target));
    }
  }
  if (result < 0) return fail(write_error(store, result, "cannot name the new file " + target));
  KACHERY_CHECK(sync_entry(store, target));
  if (!temporary_name.empty()) env.unlink(temporary_name);
  return {};
}

bool holds_durably(const Store& store, const std::string& path, std::string_view bytes) {
  Env& env = store.env();
  struct stat status {};
  const auto fits = [&] {
    return S_ISREG(status.st_mode) && static_cast<std::uint64_t>(status.st_size) == bytes.size();
  };
  if (env.lstat(path, status) < 0 || !fits()) return false;
  const UniqueFd fd(env.open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW, 0));
  if (!fd || env.fstat(fd.get(), status) < 0 || !fits()) return false;
  const auto there = read_fully(env, fd.get(), bytes.size(), bytes.size());
  return there && *there == bytes && env.sync_data(fd.get()) >= 0 && sync_entry(store, path);
}

Status replace_record(const Store& store, const std::string& path, std::string_view text) {
  Env& env = store.env();
  struct stat there {};
  if (env.lstat(parent_of(path), there) == -ENOENT) KACHERY_CHECK(make_directories(store, path));
  KACHERY_TRY(TemporaryFile file, TemporaryFile::create(store));
  int result = env.write_all(file.fd(), text);
  if (result >= 0) result = env.sync_data(file.fd());
  if (result >= 0) result = replace_target(store, file.fd(), file.name(), path);
  if (result < 0) return fail(write_error(store, result, "cannot write " + path));
  return sync_entry(store, path);
}

Status sync_entry(const Store& store, const std::string& path) {
  // The directory above as well: another process may have made this one and not yet synced its entry.
  const std::string directory = parent_of(path);
  KACHERY_CHECK(sync_directory(store, directory));
  return sync_directory(store, parent_of(directory));
}

Status make_directories(const Store& store, const std::string& path) {
  Env& env = store.env();
  const std::string third = parent_of(path);
  const std::string second = parent_of(third);
  const std::string first = parent_of(second);
  for (const std::string& directory : {first, second, third}) {
    const int result = env.mkdir(directory, directory_mode);
    if (result < 0 && result != -EEXIST) {
      return fail(write_error(store, result, "cannot make " + directory));
    }
    KACHERY_CHECK(sync_directory(store, parent_of(directory)));
  }
  return {};
}

}  // namespace kachery
