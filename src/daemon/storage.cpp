#include "daemon/storage.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/log.h"
#include "daemon/settings.h"
#include "db/mutables.h"

namespace kachery::daemon {

namespace {

constexpr const char* lock_name = "daemon.lock";

Status check_storage_dir(const Environment& environment) {
  const std::string& path = environment.storage_dir;
  struct stat st {};
  if (::stat(path.c_str(), &st) == 0) {
    if (!S_ISDIR(st.st_mode)) {
      return fail(Errc::invalid, "the storage directory {} is not a directory", path);
    }
    if (::faccessat(AT_FDCWD, path.c_str(), R_OK | W_OK | X_OK, AT_EACCESS) != 0) {
      return fail(system_error(errno, fmt::format("the storage directory {} must be readable and writable by "
                                                  "the daemon's user",
                                                  path)));
    }
    return {};
  }
  if (errno != ENOENT)
    return fail(system_error(errno, fmt::format("cannot use the storage directory {}", path)));
  if (!environment.storage_dir_is_default) {
    return fail(Errc::not_found,
                "the storage directory {} (KACHERY_STORAGE_DIR) does not exist: create it with `mkdir -p {}`",
                path, path);
  }
  if (::mkdir(path.c_str(), 0755) != 0) {
    return fail(system_error(errno, fmt::format("cannot create the storage directory {}", path)));
  }
  log_info("created the storage directory {}", path);
  return {};
}

bool same_directory(const std::string& a, const std::string& b) {
  struct stat first {};
  struct stat second {};
  return ::stat(a.c_str(), &first) == 0 && ::stat(b.c_str(), &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

}  // namespace

Result<Storage> Storage::open(const Environment& environment, const std::string& owner) {
  KACHERY_CHECK(check_storage_dir(environment));
  KACHERY_TRY(auto storage_lock, DirectoryLock::acquire(environment.storage_dir, lock_name, owner));
  KACHERY_TRY(auto store, Store::open(posix_env(), environment.storage_dir));
  KACHERY_TRY(auto identity, open_identity(environment.storage_dir, environment.config_dir));
  std::optional<DirectoryLock> identity_lock;
  if (!same_directory(identity.directory, environment.storage_dir)) {
    KACHERY_TRY(identity_lock, DirectoryLock::acquire(identity.directory, lock_name, owner));
  }
  return Storage{std::move(storage_lock), std::move(store), std::move(identity), std::move(identity_lock)};
}

Result<StoredSettings> StoredSettings::read(const std::string& mutables_path) {
  KACHERY_TRY(const auto db, MutablesDb::open(mutables_path));
  StoredSettings out;
  KACHERY_TRY(out.joined_channels, db->get(Json(joined_channels_key)));
  KACHERY_TRY(out.other_client_codes, db->get(Json(other_client_codes_key)));
  return out;
}

}  // namespace kachery::daemon
