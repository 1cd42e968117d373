// The storage directory and the node's identity, taken for this daemon alone.
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "codec/json.h"
#include "daemon/environment.h"
#include "node/identity.h"
#include "store/store.h"

namespace kachery::daemon {

struct Storage {
  DirectoryLock storage_lock;
  Store store;
  Identity identity;
  std::optional<DirectoryLock> identity_lock;  // if the keys are in another directory

  // Checks, locks and opens both directories. `owner` says who holds them, in the error that another daemon
  // gets. Each error is one sentence that says what to do.
  static Result<Storage> open(const Environment& environment, const std::string& owner);

  std::string mutables_path() const { return store.root() + "/mutables.db"; }
};

// The values of the daemon's own settings as they are stored; nothing where there is none.
struct StoredSettings {
  std::optional<Json> joined_channels;
  std::optional<Json> other_client_codes;
  static Result<StoredSettings> read(const std::string& mutables_path);
};

}  // namespace kachery::daemon
