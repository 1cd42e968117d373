// mutables.db: small values under JSON keys, in the existing format (protocol.md section 3).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "codec/json.h"
#include "store/worker.h"

struct sqlite3;

namespace kachery {

// Synchronous: for the worker, for start-up, for tests. Writes are durable on return.
class MutablesDb {
 public:
  // Opens or creates (mode 0600). A damaged or foreign file is Errc::damaged, and is left as it is.
  static Result<std::unique_ptr<MutablesDb>> open(const std::string& path);
  ~MutablesDb();

  Result<std::optional<Json>> get(const Json& key);
  Status set(const Json& key, const Json& value);
  Result<bool> remove(const Json& key);  // whether it was there

 private:
  explicit MutablesDb(sqlite3* db) : db_(db) {}
  sqlite3* db_;
};

void add_mutables_jobs(WorkerJobTable& table, const std::string& db_path);

// The same through the worker; callbacks come later, once, and cannot be cancelled.
class Mutables {
 public:
  explicit Mutables(Worker& worker) : worker_(worker) {}
  void get(const Json& key, std::function<void(Result<std::optional<Json>>)> done);
  void set(const Json& key, const Json& value, std::function<void(Status)> done);
  void remove(const Json& key, std::function<void(Result<bool>)> done);

 private:
  Worker& worker_;
};

}  // namespace kachery
