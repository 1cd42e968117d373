#include "node/identity.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "base/log.h"

namespace kachery {

namespace {

constexpr std::size_t max_pem_bytes = 4096;

// The text of a small file; nothing if there is no such file.
Result<std::optional<std::string>> read_small_file(const std::string& path, bool must_be_private) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) {
    if (errno == ENOENT) return std::optional<std::string>();
    return fail(system_error(errno, fmt::format("cannot read {}", path)));
  }
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0) return fail(system_error(errno, fmt::format("cannot read {}", path)));
  if (!S_ISREG(st.st_mode)) return fail(Errc::invalid, "{} must be a regular file", path);
  if (must_be_private && (st.st_mode & 077) != 0) {
    return fail(Errc::unauthorized,
                "the private key {} can be read or changed by others (mode {:04o}): run `chmod 600 {}`, and "
                "make a new "
                "key if it may have been copied",
                path, st.st_mode & 07777, path);
  }
  std::string text(max_pem_bytes + 1, '\0');
  const ssize_t n = ::read(fd.get(), text.data(), text.size());
  if (n < 0) return fail(system_error(errno, fmt::format("cannot read {}", path)));
  text.resize(static_cast<std::size_t>(n));
  if (text.size() > max_pem_bytes) return fail(Errc::invalid, "{} is too large for a key", path);
  return std::optional<std::string>(std::move(text));
}

std::string private_path(const std::string& directory) {
  return directory + "/private.pem";
}
std::string public_path(const std::string& directory) {
  return directory + "/public.pem";
}

// The pair in `directory`; nothing if there is no file of it.
Result<std::optional<KeyPair>> read_pair(const std::string& directory) {
  KACHERY_TRY(const auto private_pem, read_small_file(private_path(directory), true));
  KACHERY_TRY(const auto public_pem, read_small_file(public_path(directory), false));
  if (!private_pem && !public_pem) return std::optional<KeyPair>();
  if (!private_pem) {
    return fail(Errc::not_found,
                "{} is there, but {} is missing: restore it, or remove both to get a new identity",
                public_path(directory), private_path(directory));
  }
  auto key = KeyPair::from_private_pem(*private_pem);
  if (!key) {
    return fail(key.error().code, "{}: {}", private_path(directory), key.error().message);
  }
  // The public half can be made from the private one, so a missing one is no reason to refuse; a different
  // one is.
  if (public_pem) {
    const auto public_key = public_key_from_pem(*public_pem);
    if (!public_key)
      return fail(public_key.error().code, "{}: {}", public_path(directory), public_key.error().message);
    if (*public_key != key->public_key()) {
      return fail(Errc::damaged, "{} and {} are not a pair: restore the right one", private_path(directory),
                  public_path(directory));
    }
  }
  return std::optional<KeyPair>(*key);
}

Status write_new_file(const std::string& path, const std::string& text, mode_t mode) {
  const std::string temporary = path + "." + random_letters(10) + ".tmp";
  UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!fd) return fail(system_error(errno, fmt::format("cannot create {}", temporary)));
  const bool written = ::fchmod(fd.get(), mode) == 0 &&
                       ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       ::fsync(fd.get()) == 0 && ::link(temporary.c_str(), path.c_str()) == 0;
  const int error = errno;
  ::unlink(temporary.c_str());
  if (!written) return fail(system_error(error, fmt::format("cannot write {}", path)));
  return {};
}

Status make_private_directory(const std::string& directory) {
  for (std::size_t slash = directory.find('/', 1); slash != std::string::npos;
       slash = directory.find('/', slash + 1)) {
    const std::string parent = directory.substr(0, slash);
    if (::mkdir(parent.c_str(), 0755) != 0 && errno != EEXIST) {
      return fail(system_error(errno, fmt::format("cannot create {}", parent)));
    }
  }
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail(system_error(errno, fmt::format("cannot create the configuration directory {}", directory)));
  }
  return {};
}

Result<KeyPair> create_pair(const std::string& directory) {
  KACHERY_CHECK(make_private_directory(directory));
  const KeyPair key = KeyPair::generate();
  // The private half first: the public one can be made from it, so a crash in between loses nothing.
  KACHERY_CHECK(write_new_file(private_path(directory), key.private_pem(), 0600));
  KACHERY_CHECK(write_new_file(public_path(directory), key.public_pem(), 0644));
  UniqueFd dir(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (dir) ::fsync(dir.get());
  return key;
}

}  // namespace

Result<DirectoryLock> DirectoryLock::acquire(const std::string& directory, const std::string& name,
                                             const std::string& owner) {
  const std::string path = directory + "/" + name;
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!fd) return fail(system_error(errno, fmt::format("cannot open the lock file {}", path)));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail(system_error(errno, fmt::format("cannot lock {}", path)));
    char text[256];
    const ssize_t n = ::pread(fd.get(), text, sizeof text, 0);
    std::string holder(text, n > 0 ? static_cast<std::size_t>(n) : 0);
    holder = holder.substr(0, holder.find('\n'));
    return fail(Errc::busy, "{} is in use by another daemon ({}): stop that one, or use another directory",
                directory, holder.empty() ? "which did not leave its name" : escaped(holder));
  }
  const std::string line = owner + "\n";
  if (::ftruncate(fd.get(), 0) != 0 || ::pwrite(fd.get(), line.data(), line.size(), 0) < 0) {
    return fail(system_error(errno, fmt::format("cannot write the lock file {}", path)));
  }
  return DirectoryLock(std::move(fd));
}

Result<Identity> open_identity(const std::string& storage_dir, const std::string& config_dir) {
  KACHERY_TRY(const auto stored, read_pair(storage_dir));
  if (stored) return Identity{*stored, storage_dir};
  KACHERY_TRY(const auto configured, read_pair(config_dir));
  if (configured) return Identity{*configured, config_dir};
  KACHERY_TRY(const KeyPair created, create_pair(config_dir));
  return Identity{created, config_dir};
}

}  // namespace kachery
