// mutables.db: small values under JSON keys, in the existing format (protocol.md section 3).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "codec/json.h"
#include "db/database_file.h"
#include "store/worker.h"

namespace kachery {

// Synchronous: for the worker, for start-up, for tests. Writes are durable on return.
class MutablesDb {
 public:
  // Opens or creates (mode 0600). A damaged or foreign file is Errc::damaged, and is left as it is. Values of
  // more than limits::mutable_bytes are Errc::too_large; a stored value that is no JSON is Errc::damaged, for
  // its own key only.
  static Result<std::unique_ptr<MutablesDb>> open(const std::string& path);
  ~MutablesDb();

  Result<std::optional<Json>> get(const Json& key);
  Status set(const Json& key, const Json& value);
  Result<bool> remove(const Json& key);  // whether it was there

  // The same with canonical texts, as the database holds them.
  Result<std::optional<std::string>> get_text(std::string_view key);
  Status set_text(std::string_view key, std::string_view value);
  Result<bool> remove_text(std::string_view key);

 private:
  explicit MutablesDb(std::string path);
  Status check_table();

  std::string path_;
  DatabasePtr db_;
};

void add_mutables_jobs(WorkerJobTable& table, const std::string& db_path);

// The same through the worker; callbacks come later, once, and cannot be cancelled. Operations on one key
// take effect in the order of their calls.
class Mutables {
 public:
  explicit Mutables(Worker& worker) : worker_(worker) {}
  void get(const Json& key, std::function<void(Result<std::optional<Json>>)> done);
  void set(const Json& key, const Json& value, std::function<void(Status)> done);
  // Whether it was there: false also if the worker died just after removing it.
  void remove(const Json& key, std::function<void(Result<bool>)> done);

 private:
  using Answer = std::function<void(Result<Json>)>;
  void submit(const char* kind, const Json& arguments, Answer answer);

  Worker& worker_;
  // Running operations: destroying this drops them, callbacks and all.
  std::map<std::uint64_t, WorkerTicketPtr> tickets_;
  std::uint64_t next_ = 1;
};

}  // namespace kachery
