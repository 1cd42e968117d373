#include "client/copying.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/log.h"

namespace kachery::client {

namespace {

constexpr std::uint64_t slice_bytes = 16u << 20;  // copied in the kernel between two reports
constexpr std::size_t piece_bytes = 1u << 20;

Error changed(const OpenFile& file) {
  return Error{Errc::changed, fmt::format("{} became shorter while it was read", escaped(file.path))};
}

// The file behind symbolic links; `path` itself where there is nothing yet.
std::string resolved(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
  return real ? std::string(real.get()) : path;
}

}  // namespace

Result<Destination> Destination::create(const std::string& path) {
  Destination out;
  out.path_ = path;
  out.target_ = resolved(path);
  if (path.empty() || path.back() == '/')
    return fail(Errc::invalid, "the destination \"{}\" must name a file", path);
  struct stat status {};
  const bool exists = ::stat(out.target_.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) {
    return fail(Errc::invalid, "the destination {} is a directory: name a file in it", escaped(path));
  }
  if (exists && !S_ISREG(status.st_mode)) {
    out.fd_.reset(::open(out.target_.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
    if (!out.fd_) return fail(out.failed(errno));
    return out;
  }
  const std::string temporary = fmt::format("{}.{}.part", out.target_, random_letters(10));
  out.fd_.reset(::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0666));
  if (!out.fd_) return fail(out.failed(errno));
  out.temporary_ = temporary;
  return out;
}

Destination::Destination(Destination&& other) noexcept
    : fd_(std::move(other.fd_)),
      path_(std::move(other.path_)),
      target_(std::move(other.target_)),
      temporary_(std::exchange(other.temporary_, {})) {}

Destination::~Destination() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Error Destination::failed(int errno_value) const {
  Error error = system_error(errno_value, fmt::format("cannot write {}", escaped(path_)));
  if (error.code == Errc::not_found) error.code = Errc::io;  // the directory, not what is to be loaded
  return error;
}

Status Destination::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail(failed(errno));
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Status Destination::commit() {
  // A network file system tells of a full disk only now.
  const std::string temporary = temporary_;
  if (::close(fd_.release()) != 0 && errno != EINTR) return fail(failed(errno));
  if (temporary.empty()) return {};
  if (::rename(temporary.c_str(), target_.c_str()) != 0) return fail(failed(errno));
  temporary_.clear();
  return {};
}

Status copy_file(const OpenFile& file, Destination& destination, const Monitor& monitor) {
  if (!monitor.report(0, file.length)) return cancelled();
  struct stat status {};
  const bool whole = file.offset == 0 && ::fstat(file.fd.get(), &status) == 0 &&
                     static_cast<std::uint64_t>(status.st_size) == file.length;
  if (destination.regular() && whole && ::ioctl(destination.fd(), FICLONE, file.fd.get()) == 0) {
    if (!monitor.report(file.length, file.length)) return cancelled();
    return {};
  }
  std::uint64_t done = 0;
  auto from = static_cast<off64_t>(file.offset);
  while (destination.regular() && done < file.length) {
    const std::uint64_t size = std::min(slice_bytes, file.length - done);
    const ssize_t copied = ::copy_file_range(file.fd.get(), &from, destination.fd(), nullptr, size, 0);
    if (copied < 0 && errno == EINTR) continue;
    // Not there for these file systems, or no space: read_range() and write() get further or tell why not.
    if (copied <= 0) break;
    done += static_cast<std::uint64_t>(copied);
    if (!monitor.report(done, file.length)) return cancelled();
  }
  return read_range(file, {done, file.length}, monitor, [&](std::string_view piece) -> Status {
    KACHERY_CHECK(destination.write(piece));
    done += piece.size();
    if (!monitor.report(done, file.length)) return cancelled();
    return {};
  });
}

Status read_range(const OpenFile& file, ByteRange range, const Monitor& monitor,
                  const std::function<Status(std::string_view)>& sink) {
  std::vector<char> buffer(static_cast<std::size_t>(std::min<std::uint64_t>(piece_bytes, range.size())));
  for (std::uint64_t at = range.start; at < range.end;) {
    if (!monitor.go_on()) return cancelled();
    const auto room = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), range.end - at));
    const ssize_t got = ::pread(file.fd.get(), buffer.data(), room, static_cast<off_t>(file.offset + at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(system_error(errno, fmt::format("cannot read {}", escaped(file.path))));
    if (got == 0) return fail(changed(file));
    KACHERY_CHECK(sink(std::string_view(buffer.data(), static_cast<std::size_t>(got))));
    at += static_cast<std::uint64_t>(got);
  }
  return {};
}

}  // namespace kachery::client
