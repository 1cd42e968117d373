// An Env that passes every call but syncs on to the operating system's, unless a test says otherwise.
#pragma once

#include <fcntl.h>

#include <string>
#include <string_view>
#include <vector>

#include "store/env.h"

namespace kachery::testing {

class ForwardingEnv : public Env {
 public:
  int open(const std::string& path, int flags, mode_t mode) override {
    const int stop = enter("open");
    return stop < 0 ? stop : opened(posix_env().open(path, flags, mode), flags);
  }
  int open_unnamed(const std::string& directory, mode_t mode) override {
    const int stop = enter("open_unnamed");
    return stop < 0 ? stop : opened(posix_env().open_unnamed(directory, mode), O_CREAT);
  }
  ssize_t read(int fd, char* buffer, std::size_t size) override {
    const int stop = enter("read");
    return stop < 0 ? stop : posix_env().read(fd, buffer, size);
  }
  ssize_t pread(int fd, char* buffer, std::size_t size, std::uint64_t offset) override {
    const int stop = enter("pread");
    return stop < 0 ? stop : posix_env().pread(fd, buffer, size, offset);
  }
  int write_all(int fd, std::string_view bytes) override {
    const int stop = enter("write_all");
    return stop < 0 ? stop : posix_env().write_all(fd, bytes);
  }
  int pwrite_all(int fd, std::string_view bytes, std::uint64_t offset) override {
    const int stop = enter("pwrite_all");
    return stop < 0 ? stop : posix_env().pwrite_all(fd, bytes, offset);
  }
  int fstat(int fd, struct stat& out) override {
    const int stop = enter("fstat");
    return stop < 0 ? stop : posix_env().fstat(fd, out);
  }
  int lstat(const std::string& path, struct stat& out) override {
    const int stop = enter("lstat");
    return stop < 0 ? stop : posix_env().lstat(path, out);
  }
  int fchmod(int fd, mode_t mode) override {
    const int stop = enter("fchmod");
    return stop < 0 ? stop : posix_env().fchmod(fd, mode);
  }
  int truncate(int fd, std::uint64_t size) override {
    const int stop = enter("truncate");
    return stop < 0 ? stop : posix_env().truncate(fd, size);
  }
  int allocate(int fd, std::uint64_t size) override {
    const int stop = enter("allocate");
    return stop < 0 ? stop : posix_env().allocate(fd, size);
  }
  int start_write_back(int fd, std::uint64_t offset, std::uint64_t size) override {
    const int stop = enter("start_write_back");
    return stop < 0 ? stop : posix_env().start_write_back(fd, offset, size);
  }
  int wait_write_back(int, std::uint64_t, std::uint64_t) override { return enter("wait_write_back"); }
  int sync_data(int fd) override {
    const int stop = enter("sync_data");
    return stop < 0 ? stop : synced(fd);
  }
  int sync(int fd) override {
    const int stop = enter("sync");
    return stop < 0 ? stop : synced(fd);
  }
  int try_lock(int fd) override {
    const int stop = enter("try_lock");
    return stop < 0 ? stop : posix_env().try_lock(fd);
  }
  int link_fd(int fd, const std::string& path) override {
    const int stop = enter("link_fd");
    return stop < 0 ? stop : posix_env().link_fd(fd, path);
  }
  int link(const std::string& from, const std::string& to) override {
    const int stop = enter("link");
    return stop < 0 ? stop : posix_env().link(from, to);
  }
  int rename(const std::string& from, const std::string& to) override {
    const int stop = enter("rename");
    return stop < 0 ? stop : posix_env().rename(from, to);
  }
  int unlink(const std::string& path) override {
    const int stop = enter("unlink");
    return stop < 0 ? stop : posix_env().unlink(path);
  }
  int mkdir(const std::string& path, mode_t mode) override {
    const int stop = enter("mkdir");
    return stop < 0 ? stop : posix_env().mkdir(path, mode);
  }
  int list(const std::string& path, std::vector<std::string>& names) override {
    const int stop = enter("list");
    return stop < 0 ? stop : posix_env().list(path, names);
  }
  std::int64_t free_bytes(int fd) override {
    const int stop = enter("free_bytes");
    return stop < 0 ? stop : posix_env().free_bytes(fd);
  }

 protected:
  // Before each call: a negative errno is the call's result, and nothing happens.
  virtual int enter(std::string_view /*call*/) { return 0; }
  // After a successful or failed open: the result to give.
  virtual int opened(int fd, int /*flags*/) { return fd; }
  // Instead of a sync, which would only make tests slow.
  virtual int synced(int /*fd*/) { return 0; }
};

}  // namespace kachery::testing
