#include "db/mutables.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>

#include "base/limits.h"
#include "crypto/sha1.h"
#include "support/vectors.h"
#include "unit/store/store_fixture.h"
#include "unit/store/worker_pump.h"

namespace kachery {
namespace {

using namespace testing;

// The database as another program sees it.
class PlainDb {
 public:
  explicit PlainDb(const std::string& path) { EXPECT_EQ(sqlite3_open(path.c_str(), &db_), SQLITE_OK); }
  ~PlainDb() { sqlite3_close(db_); }
  PlainDb(const PlainDb&) = delete;
  PlainDb& operator=(const PlainDb&) = delete;

  std::vector<std::vector<std::string>> rows(const std::string& sql) {
    std::vector<std::vector<std::string>> found;
    char* error = nullptr;
    const auto take = [](void* context, int count, char** values, char**) {
      std::vector<std::string> row;
      for (int i = 0; i < count; ++i) row.emplace_back(values[i] == nullptr ? "NULL" : values[i]);
      static_cast<std::vector<std::vector<std::string>>*>(context)->push_back(row);
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(db_, sql.c_str(), take, &found, &error), SQLITE_OK) << (error ? error : "");
    sqlite3_free(error);
    return found;
  }

 private:
  sqlite3* db_ = nullptr;
};

// What 0.8.31 creates.
constexpr const char* reference_schema = R"(
                CREATE TABLE IF NOT EXISTS mutables (
                    sha1 TEXT PRIMARY KEY NOT NULL,
                    key TEXT NOT NULL,
                    value TEXT NOT NULL
                ) WITHOUT ROWID;
            )";

class MutablesTest : public ::testing::Test {
 protected:
  std::unique_ptr<MutablesDb> open() {
    auto db = MutablesDb::open(path_);
    if (!db) ADD_FAILURE() << db.error().message;
    return db ? *std::move(db) : nullptr;
  }

  TemporaryDirectory directory_;
  std::string path_ = directory_ / "mutables.db";
};

TEST_F(MutablesTest, KeepsValues) {
  const auto db = open();
  const Json key = Json::object({{"type", "feedConfig"}, {"feedId", "x"}});
  EXPECT_EQ(*db->get(key), std::nullopt);
  ASSERT_TRUE(db->set(key, Json::array({1, "zwei", nullptr})));
  EXPECT_EQ((**db->get(key)).text(), R"([1,"zwei",null])");
  // Keys are equal when their canonical texts are.
  EXPECT_EQ((**db->get(Json::object({{"feedId", "x"}, {"type", "feedConfig"}}))).size(), 3u);
  ASSERT_TRUE(db->set(key, "new"));
  EXPECT_EQ((**db->get(key)).string(), "new");
  EXPECT_EQ(db->remove(key), true);
  EXPECT_EQ(db->remove(key), false);
  EXPECT_EQ(*db->get(key), std::nullopt);
  ASSERT_TRUE(db->set(key, nullptr));
  ASSERT_TRUE(db->get(key)->has_value());
  EXPECT_TRUE((*db->get(key))->is_null());
}

TEST_F(MutablesTest, IsStillThereWhenOpenedAgain) {
  ASSERT_TRUE(open()->set("k", 1));
  EXPECT_EQ((**open()->get("k")).number(), 1);
}

TEST_F(MutablesTest, WritesTheExistingFormat) {
  ASSERT_TRUE(
      open()->set(Json::object({{"b", 1.5}, {"a", "ü"}}), Json::object({{"z", true}, {"y", Json()}})));
  PlainDb plain(path_);
  const std::string key = "{\"a\":\"ü\",\"b\":1.5}";
  EXPECT_EQ(plain.rows("SELECT sha1, key, value, typeof(sha1), typeof(key), typeof(value) FROM mutables"),
            (std::vector<std::vector<std::string>>{
                {sha1_of(key).hex(), key, R"({"y":null,"z":true})", "text", "text", "text"}}));
  EXPECT_EQ(plain.rows("PRAGMA table_info(mutables)"),
            (std::vector<std::vector<std::string>>{{"0", "sha1", "TEXT", "1", "NULL", "1"},
                                                   {"1", "key", "TEXT", "1", "NULL", "0"},
                                                   {"2", "value", "TEXT", "1", "NULL", "0"}}));
  EXPECT_EQ(plain.rows("PRAGMA journal_mode"), (std::vector<std::vector<std::string>>{{"delete"}}));
  EXPECT_EQ(plain.rows("SELECT wr FROM pragma_table_list('mutables')"),
            (std::vector<std::vector<std::string>>{{"1"}}));
  EXPECT_EQ(mode_of(path_), 0600u);
  EXPECT_EQ(files_below(directory_.path()), std::vector<std::string>{"mutables.db"});
}

TEST_F(MutablesTest, HasTheGoldenKeys) {
  const auto db = open();
  const auto golden = items(vectors("mutable_keys"));
  ASSERT_FALSE(golden.empty());
  for (const Json& c : golden) {
    const auto key = Json::parse(c["key_json"].string());
    ASSERT_TRUE(key) << c.text();
    ASSERT_TRUE(db->set(*key, "x"));
    EXPECT_EQ(PlainDb(path_).rows("SELECT value FROM mutables WHERE sha1 = '" +
                                  std::string(c["sha1"].string()) + "'"),
              (std::vector<std::vector<std::string>>{{"\"x\""}}))
        << c.text();
  }
}

TEST_F(MutablesTest, ReadsWhatTheReferenceWrote) {
  const std::string key = R"("_joined_channels_config")";
  {
    PlainDb plain(path_);
    plain.rows(reference_schema);
    plain.rows("INSERT INTO mutables VALUES ('" + sha1_of(key).hex() + "', '" + key +
               R"(', '{"joinedChannels":[]}'))");
    plain.rows("INSERT INTO mutables VALUES ('" + sha1_of("\"bad\"").hex() + "', '\"bad\"', 'no json')");
  }
  ::chmod(path_.c_str(), 0644);
  const auto db = open();
  EXPECT_EQ(mode_of(path_), 0600u);
  EXPECT_EQ((**db->get("_joined_channels_config")).text(), R"({"joinedChannels":[]})");
  const auto bad = db->get("bad");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, Errc::damaged);
  ASSERT_TRUE(db->set("bad", "mended"));
  EXPECT_EQ((**db->get("bad")).string(), "mended");
}

TEST_F(MutablesTest, LeavesDamagedAndForeignFilesAsTheyAre) {
  std::vector<std::string> contents = {"x", "garbage", std::string(100, '\0'), std::string(5000, 'x'),
                                       vector_bytes(50'000)};
  const auto database_with = [&](const std::string& sql) {
    fs::remove(path_);
    PlainDb(path_).rows(sql);
    contents.push_back(read_bytes(path_));
  };
  database_with("CREATE TABLE other (a TEXT)");
  database_with("CREATE TABLE mutables (sha1 TEXT PRIMARY KEY NOT NULL, key TEXT NOT NULL)");
  database_with(
      "CREATE TABLE mutables (sha1 TEXT PRIMARY KEY NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL)");
  database_with("CREATE TABLE mutables (sha1 TEXT, key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL)");
  database_with("CREATE TABLE mutables (sha1 TEXT PRIMARY KEY, key TEXT, value TEXT, more TEXT)");
  database_with("CREATE VIEW mutables AS SELECT '' AS sha1, '' AS key, '' AS value");
  // A header that is right, and pages that are not.
  database_with(reference_schema);
  contents.back() = contents.back().substr(0, 100) + std::string(contents.back().size() - 100, '\xff');

  for (const std::string& content : contents) {
    write_bytes(path_, content);
    ::chmod(path_.c_str(), 0640);
    const auto db = MutablesDb::open(path_);
    ASSERT_FALSE(db) << content.substr(0, 200);
    EXPECT_EQ(db.error().code, Errc::damaged) << db.error().message;
    EXPECT_NE(db.error().message.find(path_), std::string::npos);
    EXPECT_EQ(read_bytes(path_), content);
    EXPECT_EQ(mode_of(path_), 0640u);
    EXPECT_EQ(files_below(directory_.path()).size(), 1u);
  }
}

TEST_F(MutablesTest, OpensNothingButRegularFiles) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_FALSE(MutablesDb::open(path_));
  fs::remove(path_);
  fs::create_directory(path_);
  EXPECT_FALSE(MutablesDb::open(path_));
  fs::remove(path_);
  EXPECT_FALSE(MutablesDb::open(directory_ / "missing/mutables.db"));
  write_bytes(path_, "");  // as SQLite itself would begin
  EXPECT_TRUE(MutablesDb::open(path_));
}

TEST_F(MutablesTest, RefusesHugeValues) {
  const auto db = open();
  const auto status = db->set_text("\"k\"", std::string(limits::mutable_bytes + 1, '1'));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::too_large);
  EXPECT_EQ(*db->get("k"), std::nullopt);
}

class MutablesWorkerTest : public MutablesTest {
 protected:
  void SetUp() override {
    WorkerJobTable table;
    add_mutables_jobs(table, path_);
    worker_ = Worker::start(std::move(table)).value();
    mutables_.emplace(*worker_);
  }

  Result<std::optional<Json>> get(const Json& key) {
    std::optional<Result<std::optional<Json>>> result;
    mutables_->get(key, [&](Result<std::optional<Json>> r) { result = std::move(r); });
    run_until(*worker_, [&] { return result.has_value(); });
    return *result;
  }
  Status set(const Json& key, const Json& value) {
    std::optional<Status> result;
    mutables_->set(key, value, [&](Status r) { result = std::move(r); });
    EXPECT_FALSE(result);
    run_until(*worker_, [&] { return result.has_value(); });
    return *result;
  }
  Result<bool> remove(const Json& key) {
    std::optional<Result<bool>> result;
    mutables_->remove(key, [&](Result<bool> r) { result = std::move(r); });
    run_until(*worker_, [&] { return result.has_value(); });
    return *result;
  }

  std::unique_ptr<Worker> worker_;
  std::optional<Mutables> mutables_;
};

TEST_F(MutablesWorkerTest, DoesTheSame) {
  EXPECT_EQ(*get("k"), std::nullopt);
  ASSERT_TRUE(set("k", Json::object({{"a", 1}})));
  EXPECT_EQ((**get("k")).text(), R"({"a":1})");
  ASSERT_TRUE(set("null", nullptr));
  EXPECT_TRUE(get("null")->value().is_null());
  EXPECT_EQ(remove("k"), true);
  EXPECT_EQ(remove("k"), false);
  EXPECT_EQ((**open()->get("null")).text(), "null");
}

TEST_F(MutablesWorkerTest, TakesWhatJsonAllows) {
  std::string deep(limits::json_depth, '[');
  deep.append(limits::json_depth, ']');
  const auto value = Json::parse(deep);
  ASSERT_TRUE(value);
  ASSERT_TRUE(set("deep", *value));
  EXPECT_EQ((**get("deep")).text(), deep);
  const std::string big(5'000'000, 'x');
  ASSERT_TRUE(set("big", big));
  EXPECT_EQ((**get("big")).string(), big);
}

TEST_F(MutablesWorkerTest, KeepsTheOrderOfCalls) {
  for (int i = 0; i < 50; ++i) mutables_->set("k", i, [](Status s) { EXPECT_TRUE(s); });
  EXPECT_EQ((**get("k")).number(), 49);
}

TEST_F(MutablesWorkerTest, SurvivesTheWorker) {
  ASSERT_TRUE(set("k", 1));
  ::kill(worker_->pid(), SIGKILL);
  EXPECT_EQ((**get("k")).number(), 1);
}

TEST_F(MutablesWorkerTest, TellsOfADamagedFileUntilItIsMended) {
  write_bytes(path_, "garbage");
  EXPECT_EQ(get("k").error().code, Errc::damaged);
  EXPECT_EQ(set("k", 1).error().code, Errc::damaged);
  EXPECT_EQ(read_bytes(path_), "garbage");
  fs::remove(path_);
  EXPECT_TRUE(set("k", 1));
}

TEST_F(MutablesWorkerTest, GoingAwayDropsCallbacks) {
  mutables_->set("k", 1, [](Status) { FAIL(); });
  mutables_.reset();
  while (worker_->pending() > 0) turn(*worker_);
  // A callback may be what makes it go.
  mutables_.emplace(*worker_);
  bool called = false;
  mutables_->get("k", [&](auto) {
    called = true;
    mutables_.reset();
  });
  run_until(*worker_, [&] { return called; });
}

}  // namespace
}  // namespace kachery
