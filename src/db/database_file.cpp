#include "db/database_file.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>

#include "base/unique_fd.h"

namespace kachery {
namespace {

constexpr int busy_timeout_ms = 5000;

Errc code_of(int sqlite_code) {
  switch (sqlite_code & 0xff) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
    case SQLITE_FORMAT:
      return Errc::damaged;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Errc::busy;
    case SQLITE_FULL:
      return Errc::no_space;
    case SQLITE_TOOBIG:
      return Errc::too_large;
    default:
      return Errc::io;
  }
}

// SQLite itself takes some short files for empty databases, and overwrites them.
bool begins_as_database(const std::string& path) {
  constexpr std::string_view magic("SQLite format 3", 16);
  std::array<char, magic.size()> head{};
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return true;  // opening the database will tell why
  return ::pread(fd.get(), head.data(), head.size(), 0) == static_cast<ssize_t>(head.size()) &&
         std::string_view(head.data(), head.size()) == magic;
}

// SQLite would read from a FIFO or a device for ever, and makes new files with the umask's mode.
Status prepare_file(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) {
    if (!S_ISREG(status.st_mode)) return fail(Errc::damaged, "{} is no regular file; move it away", path);
    if (status.st_size == 0 || begins_as_database(path)) return {};
    return fail(Errc::damaged, "{} is not an SQLite database; move it away, or restore a copy", path);
  }
  if (errno != ENOENT) return fail(system_error(errno, "cannot look at " + path));
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd && errno != EEXIST) return fail(system_error(errno, "cannot make " + path));
  return {};
}

}  // namespace

void CloseDatabase::operator()(sqlite3* db) const {
  sqlite3_close(db);
}

void FinalizeStatement::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Error database_error(sqlite3* db, std::string_view what) {
  return Error{code_of(sqlite3_extended_errcode(db)), fmt::format("{}: {}", what, sqlite3_errmsg(db))};
}

Result<DatabasePtr> open_database_file(const std::string& path) {
  KACHERY_CHECK(prepare_file(path));
  sqlite3* opened = nullptr;
  const int result = sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READWRITE, nullptr);
  DatabasePtr db(opened);
  if (!db) return fail(Errc::io, "cannot open {}: out of memory", path);
  if (result != SQLITE_OK) return fail(database_error(db.get(), "cannot open " + path));
  sqlite3_extended_result_codes(db.get(), 1);
  sqlite3_busy_timeout(db.get(), busy_timeout_ms);
  // Content of other nodes may end up in here: no SQL that the file's schema holds is trusted.
  sqlite3_db_config(db.get(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db.get(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  for (const char* pragma : {"PRAGMA synchronous = FULL", "PRAGMA foreign_keys = ON"}) {
    if (sqlite3_exec(db.get(), pragma, nullptr, nullptr, nullptr) != SQLITE_OK) {
      return fail(database_error(db.get(), "cannot use " + path));
    }
  }
  return db;
}

Result<StatementPtr> prepare(sqlite3* db, std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(db, sql.data(), static_cast<int>(sql.size()), &statement, nullptr) != SQLITE_OK) {
    return fail(database_error(db, "cannot use the database"));
  }
  return StatementPtr(statement);
}

Status execute(sqlite3* db, const char* sql) {
  if (sqlite3_exec(db, sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    return fail(database_error(db, "cannot use the database"));
  }
  return {};
}

}  // namespace kachery
