#include "client/session.h"

#include <utility>

#include "base/log.h"
#include "client/client_error.h"
#include "client/storage_files.h"

namespace kachery::client {

Result<Daemon*> Session::daemon() {
  if (offline()) {
    return fail(Errc::unreachable,
                "this needs a daemon, and KACHERY_OFFLINE_STORAGE_DIR says to work without one: unset it");
  }
  return &daemon_;
}

std::optional<std::string> Session::reading_dir() {
  if (settings_.offline_dir) return settings_.offline_dir;
  if (settings_.storage_dir) return settings_.storage_dir;
  if (const auto info = daemon_.connect()) return info->storage_dir;
  if (auto dir = default_storage_dir(); dir && check_storage_dir(*dir)) return dir;
  return std::nullopt;
}

Result<std::optional<std::string>> Session::writing_dir() {
  if (settings_.offline_dir) {
    KACHERY_CHECK(check_storage_dir(*settings_.offline_dir));
    return settings_.offline_dir;
  }
  const auto info = daemon_.connect();
  std::optional<std::string> dir;
  if (info) {
    dir = info->storage_dir;
  } else if (info.error().code == Errc::unreachable || info.error().code == Errc::timed_out) {
    dir = settings_.storage_dir ? settings_.storage_dir : default_storage_dir();
    if (!dir || !check_storage_dir(*dir) || !owns_storage(*dir)) return fail(info.error());
  } else {
    return fail(info.error());
  }
  return owns_storage(*dir) ? dir : std::nullopt;
}

Result<OpenFile> Session::open_local(const FileKey& key) {
  const auto dir = reading_dir();
  if (!dir) return fail(Errc::not_found, "there is no local copy of {}", key.sha1.hex());
  return Store::for_reading(posix_env(), *dir).open_file(key);
}

}  // namespace kachery::client
