// Opening the SQLite files of the storage directory. For this room only.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace kachery {

struct CloseDatabase {
  void operator()(sqlite3* db) const;
};
using DatabasePtr = std::unique_ptr<sqlite3, CloseDatabase>;

struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const;
};
using StatementPtr = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

// Opens the regular file `path`, or makes an empty one of mode 0600. Nothing is written to a file that
// exists. The journal is rolled back on crashes (mode DELETE unless the file says otherwise) and every commit
// is synced: what 0.8.31 reads and writes as well. Waits up to 5 s for another process's lock.
Result<DatabasePtr> open_database_file(const std::string& path);

// The failure of a call on `db`: Errc::damaged for a file that is none of SQLite's or is corrupt, busy when
// another process holds it for too long, no_space when the disk is full, else io.
[[nodiscard]] Error database_error(sqlite3* db, std::string_view what);

Result<StatementPtr> prepare(sqlite3* db, std::string_view sql);
Status execute(sqlite3* db, const char* sql);

}  // namespace kachery
