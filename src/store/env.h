// The store's system calls, behind an interface, so that tests can simulate power loss and full disks.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kachery {

// Every call answers as the kernel does: 0 or more, or a negative errno. EINTR never comes out. All paths are
// absolute. Descriptors are plain ones (close-on-exec), closed by their owner without passing by here.
class Env {
 public:
  virtual ~Env() = default;

  // ---- files
  // open(2); O_CLOEXEC and O_NOCTTY are added.
  virtual int open(const std::string& path, int flags, mode_t mode) = 0;
  // A file without a name on the file system of `directory`, open for reading and writing, that link_fd() can
  // name. -EOPNOTSUPP where there is no such thing.
  virtual int open_unnamed(const std::string& directory, mode_t mode) = 0;
  // May be short, as in read(2).
  virtual ssize_t read(int fd, char* buffer, std::size_t size) = 0;
  virtual ssize_t pread(int fd, char* buffer, std::size_t size, std::uint64_t offset) = 0;
  // Everything, or an error: 0 or a negative errno, then with an unknown part written.
  virtual int write_all(int fd, std::string_view bytes) = 0;
  virtual int pwrite_all(int fd, std::string_view bytes, std::uint64_t offset) = 0;
  virtual int fstat(int fd, struct stat& out) = 0;
  virtual int lstat(const std::string& path, struct stat& out) = 0;
  virtual int fchmod(int fd, mode_t mode) = 0;
  virtual int truncate(int fd, std::uint64_t size) = 0;
  // Reserves [0, size) and makes the file at least that long. -EOPNOTSUPP where there is no such thing.
  virtual int allocate(int fd, std::uint64_t size) = 0;
  // Starts writing back; a hint, not a promise of durability.
  virtual int start_write_back(int fd, std::uint64_t offset, std::uint64_t size) = 0;
  // Waits until that range is written back: makes a later sync_data() short.
  virtual int wait_write_back(int fd, std::uint64_t offset, std::uint64_t size) = 0;
  // Content and length are durable on return; for a directory (sync only) its entries.
  virtual int sync_data(int fd) = 0;
  virtual int sync(int fd) = 0;
  // A whole-file lock of the open file description, never waiting: -EWOULDBLOCK if another one has it.
  virtual int try_lock(int fd) = 0;

  // ---- names
  virtual int link_fd(int fd, const std::string& path) = 0;  // -EEXIST instead of replacing
  virtual int link(const std::string& from, const std::string& to) = 0;
  virtual int rename(const std::string& from, const std::string& to) = 0;  // replaces
  virtual int unlink(const std::string& path) = 0;
  // The directory's mode is exactly `mode`, whatever the umask.
  virtual int mkdir(const std::string& path, mode_t mode) = 0;
  // Appends the names in `path`, without "." and "..".
  virtual int list(const std::string& path, std::vector<std::string>& names) = 0;
  // What an ordinary user may still write to the file system of `fd`, in bytes.
  virtual std::int64_t free_bytes(int fd) = 0;
};

// The operating system's.
Env& posix_env();

}  // namespace kachery
