// An Env on real files that knows what would survive a power loss: content that was synced, and the directory
// entries that were there when their directory was synced. Everything else may or may not survive.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>

#include "support/forwarding_env.h"

namespace kachery::testing {

class PowerLossEnv final : public ForwardingEnv {
 public:
  using Content = std::shared_ptr<const std::string>;
  // Path below the root -> content; null for a directory.
  using Tree = std::map<std::string, Content>;

  // What is below `root` now is durable.
  explicit PowerLossEnv(std::string root) : root_(std::move(root)) { take_in(root_); }

  // The power goes at the `at`-th call (from 1) of those that `counts` accepts: it and all later calls do
  // nothing.
  void cut_at(int at, std::function<bool(std::string_view call)> counts) {
    at_ = at;
    counts_ = std::move(counts);
  }
  bool cut() const { return dead_; }

  // What may be found afterwards. `keeps` decides for each change of a directory that was not synced whether
  // it survived nevertheless. Content that was not synced is of the right length, but zeros.
  template <class Keeps>
  Tree survivors(Keeps keeps) const {
    Tree tree;
    survivors_below(root_, keeps, tree);
    return tree;
  }

 protected:
  int enter(std::string_view call) override {
    if (!dead_ && at_ > 0 && counts_(call)) dead_ = ++count_ == at_;
    return dead_ ? -EIO : 0;
  }

  int opened(int fd, int flags) override {
    struct stat status {};
    // A new file may have the number of one that is gone.
    if (fd >= 0 && (flags & O_CREAT) != 0 && ::fstat(fd, &status) == 0 && status.st_size == 0) {
      content_.erase(status.st_ino);
    }
    return fd;
  }

  int synced(int fd) override {
    struct stat status {};
    if (::fstat(fd, &status) != 0) return -errno;
    if (S_ISDIR(status.st_mode)) {
      entries_[path_of(fd)] = list_entries(path_of(fd));
    } else {
      content_[status.st_ino] = content_of(fd, static_cast<std::size_t>(status.st_size));
    }
    return 0;
  }

 private:
  struct Entry {
    ino_t inode = 0;
    bool directory = false;
    std::size_t size = 0;
    friend bool operator==(const Entry& a, const Entry& b) {
      return a.inode == b.inode && a.directory == b.directory;
    }
  };
  using Entries = std::map<std::string, Entry>;

  static std::string path_of(int fd) {
    char path[PATH_MAX];
    const ssize_t n = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), path, sizeof path);
    return n < 0 ? std::string() : std::string(path, static_cast<std::size_t>(n));
  }

  static Content content_of(int fd, std::size_t size) {
    // The descriptor may be write-only, or its own offset in use.
    auto text = std::make_shared<std::string>(size, '\0');
    std::size_t done = 0;
    while (done < size) {
      const ssize_t n = ::pread(fd, text->data() + done, size - done, static_cast<off_t>(done));
      if (n <= 0) break;
      done += static_cast<std::size_t>(n);
    }
    text->resize(done);
    return text;
  }

  static Entries list_entries(const std::string& path) {
    std::vector<std::string> names;
    posix_env().list(path, names);
    Entries entries;
    for (const std::string& name : names) {
      struct stat status {};
      if (::lstat((path + "/" + name).c_str(), &status) != 0) continue;
      entries[name] = {status.st_ino, S_ISDIR(status.st_mode), static_cast<std::size_t>(status.st_size)};
    }
    return entries;
  }

  void take_in(const std::string& path) {
    entries_[path] = list_entries(path);
    for (const auto& [name, entry] : entries_[path]) {
      const std::string below = path + "/" + name;
      if (entry.directory) {
        take_in(below);
        continue;
      }
      const int fd = ::open(below.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
      if (fd < 0) continue;
      content_[entry.inode] = content_of(fd, entry.size);
      ::close(fd);
    }
  }

  template <class Keeps>
  void survivors_below(const std::string& path, Keeps& keeps, Tree& tree) const {
    static const Entries none;
    const auto durable_found = entries_.find(path);
    const Entries& durable = durable_found == entries_.end() ? none : durable_found->second;
    const Entries present = list_entries(path);
    Entries entries = durable;
    std::set<std::string> names;
    for (const auto& entry : durable) names.insert(entry.first);
    for (const auto& entry : present) names.insert(entry.first);
    for (const std::string& name : names) {
      const auto before = durable.find(name);
      const auto now = present.find(name);
      const bool same = before != durable.end() && now != present.end() && before->second == now->second;
      if (same || !keeps()) continue;
      if (now == present.end()) {
        entries.erase(name);
      } else {
        entries[name] = now->second;
      }
    }
    for (const auto& [name, entry] : entries) {
      const std::string below = path + "/" + name;
      const std::string shown = below.substr(root_.size() + 1);
      if (entry.directory) {
        tree[shown] = nullptr;
        survivors_below(below, keeps, tree);
      } else if (const auto found = content_.find(entry.inode); found != content_.end()) {
        tree[shown] = found->second;
      } else {
        tree[shown] = std::make_shared<const std::string>(entry.size, '\0');
      }
    }
  }

  std::string root_;
  std::map<std::string, Entries> entries_;  // durable, by directory
  std::map<ino_t, Content> content_;        // durable, by inode
  std::function<bool(std::string_view)> counts_;
  int at_ = 0;
  int count_ = 0;
  bool dead_ = false;
};

}  // namespace kachery::testing
