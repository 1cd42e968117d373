#include <sqlite3.h>
#include <sys/stat.h>

#include <array>
#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "crypto/sha1.h"
#include "db/mutables.h"

namespace kachery {
namespace {

constexpr const char* create_table_sql =
    "CREATE TABLE IF NOT EXISTS mutables ("
    "sha1 TEXT PRIMARY KEY NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL) WITHOUT ROWID";

// The text lives as long as the statement is not reset.
void bind_text(const StatementPtr& statement, int index, std::string_view text) {
  sqlite3_bind_text64(statement.get(), index, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

std::string_view column_text(const StatementPtr& statement, int index) {
  const void* text = sqlite3_column_blob(statement.get(), index);
  const int size = sqlite3_column_bytes(statement.get(), index);
  return {static_cast<const char*>(text), text == nullptr ? 0 : static_cast<std::size_t>(size)};
}

std::string sha1_of_key(std::string_view key) {
  return sha1_of(key).hex();
}

}  // namespace

MutablesDb::MutablesDb(std::string path) : path_(std::move(path)) {}
MutablesDb::~MutablesDb() = default;

Result<std::unique_ptr<MutablesDb>> MutablesDb::open(const std::string& path) {
  auto db = std::unique_ptr<MutablesDb>(new MutablesDb(path));
  KACHERY_TRY(db->db_, open_database_file(path));
  KACHERY_CHECK(db->check_table());
  return db;
}

// Everything is looked at before anything is written.
Status MutablesDb::check_table() {
  const auto foreign = [this](std::string_view reason) {
    return fail(Errc::damaged, "{} is not a database of mutables ({}); move it away, or restore a copy",
                path_, reason);
  };
  auto columns = prepare(
      db_.get(), "SELECT name, type, \"notnull\", pk FROM pragma_table_info('mutables') ORDER BY cid");
  if (!columns) return foreign(columns.error().message);
  constexpr std::array<std::string_view, 3> names{"sha1", "key", "value"};
  std::size_t found = 0;
  int result = 0;
  while ((result = sqlite3_step(columns->get())) == SQLITE_ROW) {
    const bool fits = found < names.size() && column_text(*columns, 0) == names[found] &&
                      column_text(*columns, 1) == "TEXT" &&
                      sqlite3_column_int(columns->get(), 3) == (found == 0 ? 1 : 0);
    if (!fits) return foreign("its table has other columns");
    ++found;
  }
  if (result != SQLITE_DONE) {
    Error error = database_error(db_.get(), "cannot read " + path_);
    if (error.code == Errc::damaged) return foreign(error.message);
    return fail(std::move(error));
  }
  if (found != 0 && found != names.size()) return foreign("its table has other columns");
  if (found == 0) {
    KACHERY_TRY(const StatementPtr tables, prepare(db_.get(), "SELECT 1 FROM sqlite_master LIMIT 1"));
    if (sqlite3_step(tables.get()) != SQLITE_DONE) return foreign("it holds something else");
  }
  // Only now is it known to be ours. Values may be private keys.
  struct stat status {};
  if (::stat(path_.c_str(), &status) == 0 && (status.st_mode & 0077) != 0) ::chmod(path_.c_str(), 0600);
  return found == 0 ? execute(db_.get(), create_table_sql) : Status();
}

Result<std::optional<std::string>> MutablesDb::get_text(std::string_view key) {
  KACHERY_TRY(const StatementPtr query, prepare(db_.get(), "SELECT value FROM mutables WHERE sha1 = ?1"));
  const std::string sha1 = sha1_of_key(key);
  bind_text(query, 1, sha1);
  switch (sqlite3_step(query.get())) {
    case SQLITE_ROW:
      return std::string(column_text(query, 0));
    case SQLITE_DONE:
      return std::optional<std::string>();
    default:
      return fail(database_error(db_.get(), "cannot read " + path_));
  }
}

Status MutablesDb::set_text(std::string_view key, std::string_view value) {
  if (key.size() > limits::mutable_bytes || value.size() > limits::mutable_bytes) {
    return fail(Errc::too_large, "a mutable may have {} bytes, this one has {}", limits::mutable_bytes,
                std::max(key.size(), value.size()));
  }
  KACHERY_TRY(const StatementPtr insert,
              prepare(db_.get(), "INSERT OR REPLACE INTO mutables (sha1, key, value) VALUES (?1, ?2, ?3)"));
  const std::string sha1 = sha1_of_key(key);
  bind_text(insert, 1, sha1);
  bind_text(insert, 2, key);
  bind_text(insert, 3, value);
  if (sqlite3_step(insert.get()) != SQLITE_DONE) {
    return fail(database_error(db_.get(), "cannot write " + path_));
  }
  return {};
}

Result<bool> MutablesDb::remove_text(std::string_view key) {
  KACHERY_TRY(const StatementPtr remove, prepare(db_.get(), "DELETE FROM mutables WHERE sha1 = ?1"));
  const std::string sha1 = sha1_of_key(key);
  bind_text(remove, 1, sha1);
  if (sqlite3_step(remove.get()) != SQLITE_DONE) {
    return fail(database_error(db_.get(), "cannot write " + path_));
  }
  return sqlite3_changes(db_.get()) > 0;
}

Result<std::optional<Json>> MutablesDb::get(const Json& key) {
  const std::string key_text = canonical_json(key);
  KACHERY_TRY(const std::optional<std::string> text, get_text(key_text));
  if (!text) return std::optional<Json>();
  auto value = Json::parse(*text);
  if (!value) {
    return fail(Errc::damaged, "the value of the mutable {} is no JSON: {}", escaped(key_text),
                value.error().message);
  }
  return std::optional<Json>(*std::move(value));
}

Status MutablesDb::set(const Json& key, const Json& value) {
  return set_text(canonical_json(key), canonical_json(value));
}

Result<bool> MutablesDb::remove(const Json& key) {
  return remove_text(canonical_json(key));
}

}  // namespace kachery
