#include "client/storing.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "base/log.h"
#include "codec/uri.h"
#include "store/writer.h"

namespace kachery::client {

namespace {

// What a daemon is given beyond the idle time-out to hash, sync or copy `bytes`: a slow disk's pace.
std::chrono::milliseconds working_time(std::uint64_t bytes) {
  constexpr std::uint64_t bytes_per_ms = 5'000;
  return std::chrono::milliseconds(std::min<std::uint64_t>(bytes / bytes_per_ms, 1'000'000'000));
}

std::string label_of(const std::string& path, const std::optional<std::string>& label) {
  if (label) return *label;
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

std::string uri_of(const StoredFile& stored, std::string_view label) {
  return file_uri(FileKey{stored.sha1, stored.manifest, {}}, label);
}

// The daemon's answer to /store and /linkFile.
Result<StoredFile> stored_by_daemon(const Json& answer) {
  StoredFile out;
  const auto sha1 = Sha1::parse(answer["sha1"].string());
  const Json manifest = answer["manifestSha1"];
  if (manifest.is_string()) out.manifest = Sha1::parse(manifest.string());
  if (!sha1 || (manifest.is_string() && !out.manifest)) {
    return fail(Errc::protocol, "the daemon says that it stored the file, but not under which hash");
  }
  out.sha1 = *sha1;
  return out;
}

FileProgress file_progress(const Monitor& monitor) {
  return [&monitor](std::uint64_t done, std::uint64_t total) { return monitor.report(done, total); };
}

struct Input {
  UniqueFd fd;
  struct stat status {};
  std::uint64_t size() const { return static_cast<std::uint64_t>(status.st_size); }
};

Result<Input> open_input(const std::string& path) {
  Input input;
  // O_NONBLOCK: a pipe of that name must not make this wait.
  input.fd.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!input.fd || ::fstat(input.fd.get(), &input.status) != 0) {
    return fail(system_error(errno, fmt::format("cannot open {}", escaped(path))));
  }
  if (!S_ISREG(input.status.st_mode)) {
    return fail(Errc::invalid, "{} is {}: only regular files can be stored", escaped(path),
                S_ISDIR(input.status.st_mode) ? "a directory" : "a device, a pipe or a socket");
  }
  return input;
}

// Sends the file's bytes to the daemon. An error if it changes meanwhile: then what the daemon stored is
// whole, but not the file.
Result<StoredFile> upload_file(Session& session, const std::string& path, const Input& input,
                               const Monitor& monitor) {
  KACHERY_TRY(Daemon* const daemon, session.daemon());
  const Error changed{Errc::changed, fmt::format("{} changed while it was stored: try again", escaped(path))};
  std::uint64_t sent = 0;
  BodySource source;
  source.size = input.size();
  source.read = [&](char* buffer, std::size_t room) -> Result<std::size_t> {
    if (!monitor.report(sent, source.size)) return cancelled();
    if (sent == source.size) return 0;
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(room, source.size - sent));
    ssize_t got = -1;
    do {
      got = ::pread(input.fd.get(), buffer, wanted, static_cast<off_t>(sent));
    } while (got < 0 && errno == EINTR);
    if (got < 0) return fail(system_error(errno, fmt::format("cannot read {}", escaped(path))));
    if (got == 0) return fail(changed);
    sent += static_cast<std::uint64_t>(got);
    return static_cast<std::size_t>(got);
  };
  const auto rewind = [&sent]() -> Status {
    sent = 0;
    return {};
  };
  KACHERY_TRY(const Json answer, daemon->upload("/store", source, rewind, working_time(source.size)));
  struct stat after {};
  if (::fstat(input.fd.get(), &after) != 0 || after.st_size != input.status.st_size ||
      after.st_mtim.tv_sec != input.status.st_mtim.tv_sec ||
      after.st_mtim.tv_nsec != input.status.st_mtim.tv_nsec) {
    return fail(changed);
  }
  if (!monitor.report(source.size, source.size)) return cancelled();
  return stored_by_daemon(answer);
}

Result<StoredFile> link_by_daemon(Session& session, const std::string& path, const Input& input,
                                  const Monitor& monitor) {
  KACHERY_TRY(Daemon* const daemon, session.daemon());
  const double mtime = static_cast<double>(input.status.st_mtim.tv_sec) +
                       1e-9 * static_cast<double>(input.status.st_mtim.tv_nsec);
  if (!monitor.report(0, input.size())) return cancelled();
  const Json request = Json::object({{"localFilePath", path}, {"size", input.size()}, {"mtime", mtime}});
  // The answer comes when the daemon has read the whole file.
  KACHERY_TRY(const Json answer, daemon->post("/linkFile", request,
                                              session.settings().idle_timeout + working_time(input.size())));
  if (!monitor.report(input.size(), input.size())) return cancelled();
  return stored_by_daemon(answer);
}

// Without symbolic links and "..", so that the link holds wherever the daemon runs.
Result<std::string> real_path(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
  if (!real) return fail(system_error(errno, fmt::format("cannot open {}", escaped(path))));
  return std::string(real.get());
}

}  // namespace

Result<std::string> store_file(Session& session, const std::string& path,
                               const std::optional<std::string>& label, const Monitor& monitor) {
  if (!monitor.go_on()) return cancelled();
  KACHERY_TRY(const Input input, open_input(path));
  KACHERY_TRY(const auto dir, session.writing_dir());
  StoredFile stored;
  if (dir) {
    KACHERY_TRY(const Store store, Store::open(posix_env(), *dir));
    KACHERY_TRY(const std::string absolute, absolute_path(path));
    KACHERY_TRY(stored, kachery::store_file(store, absolute, file_progress(monitor)));
  } else {
    KACHERY_TRY(stored, upload_file(session, path, input, monitor));
  }
  return uri_of(stored, label_of(path, label));
}

Result<std::string> link_file(Session& session, const std::string& path,
                              const std::optional<std::string>& label, const Monitor& monitor) {
  if (!monitor.go_on()) return cancelled();
  KACHERY_TRY(const Input input, open_input(path));
  KACHERY_TRY(const std::string real, real_path(path));
  KACHERY_TRY(const auto dir, session.writing_dir());
  StoredFile stored;
  if (dir) {
    KACHERY_TRY(const Store store, Store::open(posix_env(), *dir));
    KACHERY_TRY(stored, kachery::link_file(store, real, file_progress(monitor)));
  } else {
    KACHERY_TRY(stored, link_by_daemon(session, real, input, monitor));
  }
  return uri_of(stored, label_of(path, label));
}

Result<std::string> store_bytes(Session& session, std::string_view bytes, std::string_view label,
                                const Monitor& monitor) {
  if (!monitor.go_on()) return cancelled();
  KACHERY_TRY(const auto dir, session.writing_dir());
  if (dir) {
    KACHERY_TRY(const Store store, Store::open(posix_env(), *dir));
    KACHERY_TRY(const StoredFile stored, kachery::store_bytes(store, bytes));
    return uri_of(stored, label);
  }
  KACHERY_TRY(Daemon* const daemon, session.daemon());
  std::size_t sent = 0;
  BodySource source;
  source.size = bytes.size();
  source.read = [&sent, bytes](char* buffer, std::size_t room) -> Result<std::size_t> {
    const std::size_t size = std::min(room, bytes.size() - sent);
    if (size > 0) std::memcpy(buffer, bytes.data() + sent, size);
    sent += size;
    return size;
  };
  const auto rewind = [&sent]() -> Status {
    sent = 0;
    return {};
  };
  KACHERY_TRY(const Json answer, daemon->upload("/store", source, rewind, working_time(source.size)));
  KACHERY_TRY(const StoredFile stored, stored_by_daemon(answer));
  return uri_of(stored, label);
}

}  // namespace kachery::client
