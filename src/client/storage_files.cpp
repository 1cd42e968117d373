#include "client/storage_files.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/unique_fd.h"
#include "client/client_error.h"

namespace kachery::client {

namespace {

constexpr std::size_t longest_file = 200;  // a node id has 64 characters, a code 12

std::string group_name(gid_t gid) {
  std::vector<char> buffer(16u << 10);
  struct group entry {};
  struct group* found = nullptr;
  if (::getgrgid_r(gid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
    return entry.gr_name;
  return std::to_string(gid);
}

// The small file without the white space at its end. A negative errno's text is the caller's business:
// `errno_out` is set, and the string empty.
std::string read_small(const std::string& path, int* errno_out) {
  *errno_out = 0;
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  std::array<char, longest_file> buffer{};
  const ssize_t got = fd ? ::read(fd.get(), buffer.data(), buffer.size()) : -1;
  if (got < 0) {
    *errno_out = errno;
    return {};
  }
  std::string text(buffer.data(), static_cast<std::size_t>(got));
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.pop_back();
  return text;
}

bool alphanumeric(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  });
}

Error not_read(int errno_value, const std::string& path) {
  if (errno_value == ENOENT) {
    return Error{errc_storage,
                 fmt::format("{} does not exist: no daemon has run with this storage directory, so set "
                             "KACHERY_STORAGE_DIR to that of the daemon",
                             escaped(path))};
  }
  return Error{errc_storage, system_error(errno_value, fmt::format("cannot read {}", escaped(path))).message};
}

}  // namespace

Status check_storage_dir(const std::string& dir) {
  struct stat status {};
  if (::stat(dir.c_str(), &status) != 0) {
    if (errno == ENOENT) {
      return fail(
          errc_storage,
          "the storage directory {} does not exist: create it, or set KACHERY_STORAGE_DIR to the right one",
          escaped(dir));
    }
    return fail(
        errc_storage, "{}",
        system_error(errno, fmt::format("cannot use the storage directory {}", escaped(dir))).message);
  }
  if (!S_ISDIR(status.st_mode))
    return fail(errc_storage, "the storage directory {} is no directory", escaped(dir));
  return {};
}

Result<std::string> read_node_id(const std::string& dir) {
  const std::string path = dir + "/kachery-node-id";
  int error = 0;
  std::string text = read_small(path, &error);
  if (error != 0) return fail(not_read(error, path));
  return text;
}

Result<std::string> read_client_auth(const std::string& dir) {
  const std::string path = dir + "/client-auth";
  int error = 0;
  std::string text = read_small(path, &error);
  if (error == EACCES || error == EPERM) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0 || (status.st_mode & S_IRGRP) == 0) {
      return fail(
          Errc::unauthorized,
          "you may not use this daemon: {} is readable for its owner only; ask for the daemon to be started "
          "with --auth-group and a group that you are in",
          escaped(path));
    }
    const std::string group = escaped(group_name(status.st_gid));
    return fail(
        Errc::unauthorized,
        "you may not use this daemon: {} is readable for the group {}; ask to be added to it (`sudo usermod "
        "-aG {} USER`), then log in again",
        escaped(path), group, group);
  }
  if (error != 0) return fail(not_read(error, path));
  if (text.empty() || text.size() > 100 || !alphanumeric(text)) {
    return fail(errc_storage, "{} does not hold an authorization code: restart the daemon", escaped(path));
  }
  return text;
}

bool owns_storage(const std::string& dir) {
  std::string place = dir + "/sha1";
  struct stat status {};
  if (::stat(place.c_str(), &status) != 0) {
    if (errno != ENOENT) return false;
    place = dir;
    if (::stat(place.c_str(), &status) != 0) return false;
  }
  return S_ISDIR(status.st_mode) && status.st_uid == ::geteuid() && ::access(place.c_str(), W_OK | X_OK) == 0;
}

}  // namespace kachery::client
