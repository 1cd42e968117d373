#include "store/partial_file.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "support/failing_env.h"
#include "unit/store/store_fixture.h"

namespace kachery {
namespace {

using namespace testing;

class PartialFileTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    store_.emplace(open_store());
  }

  Result<PartialFile> open() { return PartialFile::open(*store_, manifest_); }
  std::string data_path() const { return store_->temporary_dir() + "/partial/" + manifest_.sha1.hex(); }
  std::string record_path() const { return data_path() + ".chunks"; }

  std::optional<Store> store_;
  std::string bytes_ = vector_bytes(2500);
  Manifest manifest_{2500,
                     sha1_of(bytes_),
                     {{{0, 1000}, sha1_of(bytes_.substr(0, 1000))},
                      {{1000, 2000}, sha1_of(bytes_.substr(1000, 1000))},
                      {{2000, 2500}, sha1_of(bytes_.substr(2000))}}};
};

TEST_F(PartialFileTest, TakesItsSizeOnceAndAtOnce) {
  auto partial = open();
  ASSERT_TRUE(partial) << partial.error().message;
  EXPECT_EQ(partial->path(), data_path());
  EXPECT_EQ(partial->record_path(), record_path());
  EXPECT_EQ(fs::file_size(data_path()), 2500u);
  struct stat status {};
  ASSERT_EQ(::fstat(partial->fd(), &status), 0);
  EXPECT_GT(status.st_blocks, 0);
  EXPECT_EQ(partial->manifest().size, 2500u);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_FALSE(partial->recorded(i));
}

TEST_F(PartialFileTest, WritesWithinItsBounds) {
  auto partial = open();
  ASSERT_TRUE(partial);
  EXPECT_TRUE(partial->write(1000, "abc"));
  EXPECT_TRUE(partial->write(2497, "xyz"));
  EXPECT_TRUE(partial->write(2500, ""));
  EXPECT_EQ(partial->write(2498, "xyz").error().code, Errc::internal);
  EXPECT_EQ(partial->write(2501, "").error().code, Errc::internal);
  EXPECT_EQ(partial->write(~std::uint64_t{0}, "xyz").error().code, Errc::internal);
  EXPECT_FALSE(partial->record(3, true));
  const std::string there = read_bytes(data_path());
  EXPECT_EQ(there.size(), 2500u);
  EXPECT_EQ(there.substr(1000, 3), "abc");
  EXPECT_EQ(there.substr(2497), "xyz");
}

TEST_F(PartialFileTest, GoesOnWhereItWas) {
  {
    auto partial = open();
    ASSERT_TRUE(partial);
    ASSERT_TRUE(partial->write(1000, std::string_view(bytes_).substr(1000, 1000)));
    ASSERT_TRUE(partial->record(1, true));
    ASSERT_TRUE(partial->record(2, true));
    ASSERT_TRUE(partial->record(2, false));
  }
  auto partial = open();
  ASSERT_TRUE(partial);
  EXPECT_FALSE(partial->recorded(0));
  EXPECT_TRUE(partial->recorded(1));
  EXPECT_FALSE(partial->recorded(2));
  EXPECT_EQ(read_bytes(data_path()).substr(1000, 1000), bytes_.substr(1000, 1000));
}

TEST_F(PartialFileTest, BelongsToOneLoadAtATime) {
  auto partial = open();
  ASSERT_TRUE(partial);
  const auto second = open();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::busy);
  // The lock is that of the open file, which a worker's copy keeps.
  PartialFile moved = *std::move(partial);
  EXPECT_EQ(open().error().code, Errc::busy);
  *partial = std::move(moved);
  partial = fail(Errc::cancelled, "x");
  EXPECT_TRUE(open());
}

TEST_F(PartialFileTest, BeginsAnewForAnotherManifest) {
  {
    auto partial = open();
    ASSERT_TRUE(partial);
    ASSERT_TRUE(partial->write(0, "old"));
    ASSERT_TRUE(partial->record(0, true));
  }
  manifest_.chunks[0].sha1 = sha1_of("other");
  auto partial = open();
  ASSERT_TRUE(partial);
  EXPECT_FALSE(partial->recorded(0));
  EXPECT_EQ(read_bytes(data_path()).substr(0, 3), std::string(3, '\0'));
}

TEST_F(PartialFileTest, BeginsAnewWhenTheRecordIsGarbage) {
  std::string good;
  {
    auto partial = open();
    ASSERT_TRUE(partial);
    ASSERT_TRUE(partial->record(0, true));
    good = read_bytes(record_path());
  }
  std::vector<std::string> records = {good + "0", good + "\n", "x" + good, std::string(10'000'000, 'x')};
  for (std::size_t n = 0; n < good.size(); ++n) {
    records.push_back(good.substr(0, n));
    std::string flipped = good;
    flipped[n] = static_cast<char>(flipped[n] ^ 0x40);
    records.push_back(flipped);
  }
  for (const std::string& record : records) {
    write_bytes(record_path(), record);
    const auto partial = open();
    ASSERT_TRUE(partial) << partial.error().message;
    EXPECT_FALSE(partial->recorded(0)) << record.substr(0, 100);
    EXPECT_EQ(read_bytes(record_path()).size(), good.size());
  }
  write_bytes(record_path(), good);
  EXPECT_TRUE(open()->recorded(0));
  // Data of another size, or none.
  write_bytes(data_path(), "short");
  EXPECT_FALSE(open()->recorded(0));
  write_bytes(record_path(), good);
  fs::remove(data_path());
  EXPECT_FALSE(open()->recorded(0));
  EXPECT_EQ(fs::file_size(data_path()), 2500u);
}

TEST_F(PartialFileTest, IsNotFooledByWhatIsPlanted) {
  write_bytes(file("victim"), "victim");
  for (const std::string& path : {data_path(), record_path()}) {
    fs::remove(path);
    fs::create_symlink(file("victim"), path);
    EXPECT_TRUE(open());
    EXPECT_FALSE(fs::is_symlink(path));
    fs::remove(path);
    ASSERT_EQ(::mkfifo(path.c_str(), 0644), 0);
    EXPECT_TRUE(open());
    EXPECT_TRUE(fs::is_regular_file(path));
    fs::remove(path);
  }
  EXPECT_EQ(read_bytes(file("victim")), "victim");
}

TEST_F(PartialFileTest, NeverWritesIntoAStoredFile) {
  // As a kill between naming the file in sha1/ and removing the name here leaves it.
  const auto stored = store_bytes(*store_, bytes_);
  ASSERT_TRUE(stored);
  fs::create_hard_link(store_->path_of(stored->sha1), data_path());
  auto partial = open();
  ASSERT_TRUE(partial);
  ASSERT_TRUE(partial->write(0, "overwritten"));
  EXPECT_EQ(read_bytes(store_->path_of(stored->sha1)), bytes_);
}

TEST_F(PartialFileTest, SaysAtOnceWhenTheDiskIsTooSmall) {
  manifest_.size = limits::file_bytes;
  manifest_.chunks = {{{0, limits::file_bytes}, sha1_of("x")}};
  const auto partial = open();
  ASSERT_FALSE(partial);
  EXPECT_EQ(partial.error().code, Errc::no_space);
  EXPECT_NE(partial.error().message.find(root()), std::string::npos);
  EXPECT_TRUE(files_below(store_->temporary_dir()).empty());
  EXPECT_FALSE(PartialFile::open(*store_, Manifest()));
}

TEST_F(PartialFileTest, KeepsWhatWasLoadedWhenTheDiskIsFull) {
  {
    auto partial = open();
    ASSERT_TRUE(partial->write(0, bytes_));
    ASSERT_TRUE(partial->record(0, true));
  }
  FailingEnv env;
  env.fail_at(1, ENOSPC, {"allocate"});
  const Store full = open_store();
  const Store failing = *Store::open(env, root());
  env.fail_at(1, ENOSPC, {"allocate"});
  EXPECT_EQ(PartialFile::open(failing, manifest_).error().code, Errc::no_space);
  const auto partial = open();
  ASSERT_TRUE(partial);
  EXPECT_TRUE(partial->recorded(0));
}

TEST_F(PartialFileTest, WorksWithoutFallocate) {
  FailingEnv env;
  const Store store = open_store(env);
  env.fail_at(1, EOPNOTSUPP, {"allocate"});
  const auto partial = PartialFile::open(store, manifest_);
  ASSERT_TRUE(partial) << partial.error().message;
  EXPECT_EQ(fs::file_size(data_path()), 2500u);
}

TEST_F(PartialFileTest, DiscardsBothFilesButNotThoseOfALaterLoad) {
  auto partial = open();
  ASSERT_TRUE(partial);
  partial->discard();
  EXPECT_TRUE(files_below(store_->temporary_dir()).empty());
  auto later = open();
  ASSERT_TRUE(later);
  partial->discard();
  EXPECT_EQ(files_below(store_->temporary_dir()).size(), 2u);
}

TEST_F(PartialFileTest, StaleOnesGoUnlessLocked) {
  auto held = open();
  ASSERT_TRUE(held);
  Manifest other{5, sha1_of("hello"), {{{0, 5}, sha1_of("hello")}}};
  ASSERT_TRUE(PartialFile::open(*store_, other));
  Manifest young{5, sha1_of("young"), {{{0, 5}, sha1_of("young")}}};
  ASSERT_TRUE(PartialFile::open(*store_, young));
  const std::string directory = store_->temporary_dir() + "/partial/";
  write_bytes(directory + "orphan.chunks", "record of nothing");
  for (const std::string& name : files_below(directory)) {
    set_mtime(directory + name, name.starts_with(young.sha1.hex()) ? 2000 : 1000);
  }
  EXPECT_EQ(remove_stale_partials(*store_, 2000, 1001), 0u);
  EXPECT_EQ(files_below(directory).size(), 7u);
  EXPECT_GT(remove_stale_partials(*store_, 2000, 1000), 0u);
  EXPECT_TRUE(fs::exists(data_path()));
  EXPECT_TRUE(fs::exists(record_path()));
  EXPECT_TRUE(fs::exists(directory + young.sha1.hex()));
  EXPECT_EQ(files_below(directory).size(), 4u);
}

}  // namespace
}  // namespace kachery
