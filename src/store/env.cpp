#include "store/env.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <limits>
#include <memory>

namespace kachery {
namespace {

// Calls until it is not interrupted; a failure becomes -errno.
template <class Call>
auto retried(Call call) {
  while (true) {
    const auto result = call();
    if (result >= 0) return result;
    if (errno != EINTR) return static_cast<decltype(result)>(-errno);
  }
}

std::string proc_path(int fd) {
  return "/proc/self/fd/" + std::to_string(fd);
}

class PosixEnv final : public Env {
 public:
  int open(const std::string& path, int flags, mode_t mode) override {
    return retried([&] { return ::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY, mode); });
  }

  int open_unnamed(const std::string& directory, mode_t mode) override {
    // Naming the file later goes through /proc, except for the privileged.
    if (::access("/proc/self/fd", X_OK) != 0) return -EOPNOTSUPP;
    const int fd = open(directory, O_TMPFILE | O_RDWR, mode);
    // EISDIR: a kernel that does not know the flag; EINVAL and ENOENT come from some file systems.
    if (fd == -EISDIR || fd == -EINVAL) return -EOPNOTSUPP;
    return fd;
  }

  ssize_t read(int fd, char* buffer, std::size_t size) override {
    return retried([&] { return ::read(fd, buffer, size); });
  }

  ssize_t pread(int fd, char* buffer, std::size_t size, std::uint64_t offset) override {
    return retried([&] { return ::pread(fd, buffer, size, static_cast<off_t>(offset)); });
  }

  int write_all(int fd, std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = retried([&] { return ::write(fd, bytes.data(), bytes.size()); });
      if (n < 0) return static_cast<int>(n);
      if (n == 0) return -ENOSPC;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return 0;
  }

  int pwrite_all(int fd, std::string_view bytes, std::uint64_t offset) override {
    while (!bytes.empty()) {
      const ssize_t n =
          retried([&] { return ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
      if (n < 0) return static_cast<int>(n);
      if (n == 0) return -ENOSPC;
      bytes.remove_prefix(static_cast<std::size_t>(n));
      offset += static_cast<std::uint64_t>(n);
    }
    return 0;
  }

  int fstat(int fd, struct stat& out) override {
    return retried([&] { return ::fstat(fd, &out); });
  }

  int lstat(const std::string& path, struct stat& out) override {
    return retried([&] { return ::lstat(path.c_str(), &out); });
  }

  int fchmod(int fd, mode_t mode) override {
    return retried([&] { return ::fchmod(fd, mode); });
  }

  int truncate(int fd, std::uint64_t size) override {
    return retried([&] { return ::ftruncate(fd, static_cast<off_t>(size)); });
  }

  int allocate(int fd, std::uint64_t size) override {
    if (size == 0) return 0;
    const int result = retried([&] { return ::fallocate(fd, 0, 0, static_cast<off_t>(size)); });
    return result == -ENOSYS ? -EOPNOTSUPP : result;
  }

  int start_write_back(int fd, std::uint64_t offset, std::uint64_t size) override {
    return retried([&] {
      return ::sync_file_range(fd, static_cast<off_t>(offset), static_cast<off_t>(size),
                               SYNC_FILE_RANGE_WRITE);
    });
  }

  int wait_write_back(int fd, std::uint64_t offset, std::uint64_t size) override {
    return retried([&] {
      return ::sync_file_range(
          fd, static_cast<off_t>(offset), static_cast<off_t>(size),
          SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
    });
  }

  int sync_data(int fd) override {
    return retried([&] { return ::fdatasync(fd); });
  }

  int sync(int fd) override {
    return retried([&] { return ::fsync(fd); });
  }

  int try_lock(int fd) override {
    return retried([&] { return ::flock(fd, LOCK_EX | LOCK_NB); });
  }

  int link_fd(int fd, const std::string& path) override {
    return retried(
        [&] { return ::linkat(AT_FDCWD, proc_path(fd).c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW); });
  }

  int link(const std::string& from, const std::string& to) override {
    return retried([&] { return ::link(from.c_str(), to.c_str()); });
  }

  int rename(const std::string& from, const std::string& to) override {
    return retried([&] { return ::rename(from.c_str(), to.c_str()); });
  }

  int unlink(const std::string& path) override {
    return retried([&] { return ::unlink(path.c_str()); });
  }

  int mkdir(const std::string& path, mode_t mode) override {
    const int made = retried([&] { return ::mkdir(path.c_str(), mode); });
    if (made < 0) return made;
    return retried([&] { return ::chmod(path.c_str(), mode); });
  }

  int list(const std::string& path, std::vector<std::string>& names) override {
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), &::closedir);
    if (!directory) return -errno;
    while (true) {
      errno = 0;
      const dirent* entry = ::readdir(directory.get());
      if (entry == nullptr) return -errno;
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
  }

  std::int64_t free_bytes(int fd) override {
    struct statvfs fs {};
    const int result = retried([&] { return ::fstatvfs(fd, &fs); });
    if (result < 0) return result;
    const auto blocks = static_cast<std::uint64_t>(fs.f_bavail);
    const auto block = static_cast<std::uint64_t>(fs.f_frsize);
    constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (block != 0 && blocks > most / block) return static_cast<std::int64_t>(most);
    return static_cast<std::int64_t>(blocks * block);
  }
};

}  // namespace

Env& posix_env() {
  static PosixEnv env;
  return env;
}

}  // namespace kachery
