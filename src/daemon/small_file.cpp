#include "daemon/small_file.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/ids.h"
#include "base/log.h"
#include "base/unique_fd.h"

namespace kachery::daemon {

namespace {

Status fill(int fd, const std::string& path, std::string_view content, mode_t mode,
            std::optional<gid_t> group) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail(system_error(n < 0 ? errno : EIO, fmt::format("cannot write {}", path)));
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  // The group first: nobody may read it before its mode and group are what they should be.
  if (group && ::fchown(fd, static_cast<uid_t>(-1), *group) != 0) {
    return fail(system_error(
        errno, fmt::format("cannot give {} to group {} (are you a member of it?)", path, *group)));
  }
  if (::fchmod(fd, mode) != 0) {
    return fail(system_error(errno, fmt::format("cannot set the mode of {}", path)));
  }
  return {};
}

}  // namespace

Status replace_file(const std::string& path, std::string_view content, mode_t mode,
                    std::optional<gid_t> group) {
  const std::string temporary = path + "." + random_letters(10) + ".tmp";
  const UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return fail(system_error(errno, fmt::format("cannot create {}", temporary)));
  Status status = fill(fd.get(), path, content, mode, group);
  if (status && ::rename(temporary.c_str(), path.c_str()) != 0) {
    status = fail(system_error(errno, fmt::format("cannot replace {}", path)));
  }
  if (!status) ::unlink(temporary.c_str());
  return status;
}

Result<std::string> read_file(const std::string& path, std::size_t max_bytes) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return fail(system_error(errno, fmt::format("cannot read {}", path)));
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0) return fail(system_error(errno, fmt::format("cannot read {}", path)));
  if (!S_ISREG(st.st_mode)) return fail(Errc::invalid, "{} must be a regular file", path);
  std::string text;
  char piece[16 << 10];
  for (;;) {
    const ssize_t n = ::read(fd.get(), piece, sizeof piece);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(system_error(errno, fmt::format("cannot read {}", path)));
    if (n == 0) return text;
    text.append(piece, static_cast<std::size_t>(n));
    if (text.size() > max_bytes) {
      return fail(Errc::too_large, "{} must have at most {} bytes", path, max_bytes);
    }
  }
}

Result<gid_t> group_id(const std::string& name) {
  errno = 0;
  const struct group* found = ::getgrnam(name.c_str());
  if (found == nullptr) {
    return fail(Errc::not_found, "--auth-group: there is no group \"{}\" on this machine", escaped(name, 60));
  }
  return found->gr_gid;
}

}  // namespace kachery::daemon
