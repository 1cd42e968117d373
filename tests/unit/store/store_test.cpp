#include "store/store.h"

#include <gtest/gtest.h>
#include <sys/file.h>

#include "base/limits.h"
#include "store/link_record.h"
#include "support/failing_env.h"
#include "unit/store/store_fixture.h"

namespace kachery {
namespace {

using namespace testing;

constexpr const char* empty_hex = "da39a3ee5e6b4b0d3255bfef95601890afd80709";

TEST_F(StoreTest, LaysOutPathsAsTheNetworkDoes) {
  const Store store = open_store();
  const Sha1 sha1 = *Sha1::parse("abcdef0123456789abcdef0123456789abcdef01");
  EXPECT_EQ(store.path_of(sha1), root() + "/sha1/ab/cd/ef/abcdef0123456789abcdef0123456789abcdef01");
  EXPECT_EQ(store.link_path_of(sha1), store.path_of(sha1) + ".link");
}

TEST_F(StoreTest, OpensWhatItStored) {
  const Store store = open_store();
  const auto stored = store_bytes(store, "hello");
  ASSERT_TRUE(stored) << stored.error().message;
  const auto file = store.open_file(key_of(stored->sha1));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(read_open(*file), "hello");
  EXPECT_FALSE(file->linked);
  EXPECT_EQ(file->path, store.path_of(stored->sha1));
  EXPECT_EQ(store.size_of(key_of(stored->sha1)), 5u);
  EXPECT_EQ(store.readable_path(stored->sha1), store.path_of(stored->sha1));
  EXPECT_EQ(store.read_verified(stored->sha1, 5), "hello");
}

TEST_F(StoreTest, SaysWhatItDoesNotHave) {
  const Store store = open_store();
  EXPECT_EQ(store.open_file(key_of(sha1_of("x"))).error().code, Errc::not_found);
  EXPECT_EQ(store.size_of(key_of(sha1_of("x"))).error().code, Errc::not_found);
  EXPECT_EQ(store.readable_path(sha1_of("x")).error().code, Errc::not_found);
  EXPECT_EQ(store.read_verified(sha1_of("x"), 10).error().code, Errc::not_found);
}

TEST_F(StoreTest, AlwaysHasTheEmptyFile) {
  const Store store = open_store();
  const Sha1 empty = *Sha1::parse(empty_hex);
  const auto path = store.readable_path(empty);
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(read_bytes(*path), "");
  EXPECT_TRUE(fs::exists(*path));
  fs::remove(*path);
  const auto file = store.open_file(key_of(empty));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->length, 0u);
  EXPECT_TRUE(store.readable_path(empty));
  EXPECT_TRUE(fs::exists(*path));
  write_bytes(*path, "not empty");
  EXPECT_EQ(store.size_of(key_of(empty)), 0u);
  EXPECT_TRUE(store.readable_path(empty));
  EXPECT_EQ(fs::file_size(*path), 0u);
}

TEST_F(StoreTest, FindsChunksOfFiles) {
  const Store store = open_store();
  const auto whole = store_bytes(store, "0123456789");
  ASSERT_TRUE(whole);
  const auto chunk_key = [&](std::uint64_t start, std::uint64_t end) {
    return FileKey{sha1_of("some chunk"), std::nullopt, ChunkOf{whole->sha1, std::nullopt, {start, end}}};
  };
  const auto chunk = store.open_file(chunk_key(2, 5));
  ASSERT_TRUE(chunk) << chunk.error().message;
  EXPECT_EQ(read_open(*chunk), "234");
  EXPECT_EQ(store.size_of(chunk_key(0, 10)), 10u);
  EXPECT_EQ(store.open_file(chunk_key(5, 11)).error().code, Errc::not_found);
  EXPECT_EQ(store.open_file(chunk_key(10, 11)).error().code, Errc::not_found);
  EXPECT_EQ(store.open_file(chunk_key(5, 5)).error().code, Errc::not_found);
  EXPECT_EQ(store.open_file(chunk_key(6, 5)).error().code, Errc::not_found);

  // The file itself comes first.
  const auto itself = store_bytes(store, "some chunk");
  ASSERT_TRUE(itself);
  EXPECT_EQ(read_open(*store.open_file(chunk_key(2, 5))), "some chunk");

  const FileKey unknown{sha1_of("x"), std::nullopt, ChunkOf{sha1_of("y"), std::nullopt, {0, 1}}};
  EXPECT_EQ(store.open_file(unknown).error().code, Errc::not_found);
}

TEST_F(StoreTest, VerifiesWhatItReadsWhole) {
  const Store store = open_store();
  const auto stored = store_bytes(store, "hello");
  ASSERT_TRUE(stored);
  EXPECT_EQ(store.read_verified(stored->sha1, 4).error().code, Errc::too_large);
  write_bytes(store.path_of(stored->sha1), "hullo");
  EXPECT_EQ(store.read_verified(stored->sha1, 10).error().code, Errc::damaged);
}

TEST_F(StoreTest, DoesNotFollowOrWaitForWhatIsPlanted) {
  const Store store = open_store();
  const Sha1 sha1 = sha1_of("secret");
  const std::string path = store.path_of(sha1);
  fs::create_directories(fs::path(path).parent_path());
  write_bytes(file("secret"), "secret");

  fs::create_symlink(file("secret"), path);
  EXPECT_EQ(store.open_file(key_of(sha1)).error().code, Errc::not_found);
  fs::remove(path);
  ASSERT_EQ(::mkfifo(path.c_str(), 0644), 0);
  EXPECT_EQ(store.open_file(key_of(sha1)).error().code, Errc::not_found);
  EXPECT_EQ(store.read_verified(sha1, 100).error().code, Errc::not_found);
  fs::remove(path);
  fs::create_directory(path);
  EXPECT_EQ(store.open_file(key_of(sha1)).error().code, Errc::not_found);
  fs::remove(path);
  write_bytes(path, "secret");
  EXPECT_EQ(store.size_of(key_of(sha1)), 6u);
}

class LinkTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    write_bytes(path_, "linked bytes");
    set_mtime(path_, 1'600'000'000, 123'456'789);
  }
  Sha1 sha1_ = sha1_of("linked bytes");
  std::string path_ = file("original");
};

TEST_F(LinkTest, IsReadFromItsPlace) {
  const Store store = open_store();
  const auto linked = link_file(store, path_, {});
  ASSERT_TRUE(linked) << linked.error().message;
  EXPECT_EQ(linked->sha1, sha1_);
  EXPECT_EQ(linked->size, 12u);
  EXPECT_FALSE(fs::exists(store.path_of(sha1_)));
  const auto opened = store.open_file(key_of(sha1_));
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_TRUE(opened->linked);
  EXPECT_EQ(opened->path, path_);
  EXPECT_EQ(read_open(*opened), "linked bytes");
  EXPECT_EQ(store.readable_path(sha1_), path_);
  const FileKey chunk{sha1_of("x"), std::nullopt, ChunkOf{sha1_, std::nullopt, {7, 12}}};
  EXPECT_EQ(read_open(*store.open_file(chunk)), "bytes");
}

TEST_F(LinkTest, WritesTheRecordOfTheExistingFormat) {
  const Store store = open_store();
  ASSERT_TRUE(link_file(store, path_, {}));
  const auto json = Json::parse(read_bytes(store.link_path_of(sha1_)));
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["path"].string(), path_);
  EXPECT_TRUE(json->contains("manifestSha1"));
  EXPECT_TRUE((*json)["manifestSha1"].is_null());
  EXPECT_EQ((*json)["stat"]["size"].number(), 12);
  EXPECT_NEAR((*json)["stat"]["mtime"].number(), 1'600'000'000.123456789, 1e-6);
  EXPECT_TRUE((*json)["_writingProcess"].is_string());
  EXPECT_EQ(json->size(), 4u);
  EXPECT_EQ(mode_of(store.link_path_of(sha1_)), 0644u);
}

TEST_F(LinkTest, IsGoodOnlyWhileTheFileIsTheSame) {
  const Store store = open_store();
  ASSERT_TRUE(link_file(store, path_, {}));
  const auto code = [&] {
    const auto opened = store.open_file(key_of(sha1_));
    return opened ? std::optional<Errc>() : opened.error().code;
  };
  const auto restore = [&] {
    fs::remove(path_);
    write_bytes(path_, "linked bytes");
    set_mtime(path_, 1'600'000'000, 123'456'789);
  };
  EXPECT_EQ(code(), std::nullopt);
  set_mtime(path_, 1'600'000'000, 124'900'000);  // 1.4 ms
  EXPECT_EQ(code(), std::nullopt);
  set_mtime(path_, 1'600'000'000, 126'000'000);  // 2.5 ms
  EXPECT_EQ(code(), Errc::changed);
  restore();
  EXPECT_EQ(code(), std::nullopt);
  write_bytes(path_, "linked bytes, and more");
  set_mtime(path_, 1'600'000'000, 123'456'789);
  EXPECT_EQ(code(), Errc::changed);
  fs::remove(path_);
  EXPECT_EQ(code(), Errc::changed);
  ASSERT_EQ(::mkfifo(path_.c_str(), 0644), 0);
  EXPECT_EQ(code(), Errc::changed);
  fs::remove(path_);
  fs::create_directory(path_);
  EXPECT_EQ(code(), Errc::changed);
  restore();
  EXPECT_EQ(code(), std::nullopt);

  // A look-up of a chunk says so, too.
  set_mtime(path_, 1);
  const FileKey chunk{sha1_of("x"), std::nullopt, ChunkOf{sha1_, std::nullopt, {7, 12}}};
  EXPECT_EQ(store.open_file(chunk).error().code, Errc::changed);
}

TEST_F(LinkTest, CountsAsAbsentWhenItsRecordIsGarbage) {
  const Store store = open_store();
  ASSERT_TRUE(link_file(store, path_, {}));
  const std::string good = read_bytes(store.link_path_of(sha1_));
  const std::string record = store.link_path_of(sha1_);
  for (std::size_t n = 0; n < good.size(); ++n) {
    write_bytes(record, good.substr(0, n));
    EXPECT_EQ(store.open_file(key_of(sha1_)).error().code, Errc::not_found) << n;
  }
  const std::vector<std::string> bad = {
      "[]",
      R"({"path":"relative","stat":{"size":1,"mtime":1}})",
      R"({"path":1,"stat":{"size":1,"mtime":1}})",
      R"({"path":"/x","stat":{"size":-1,"mtime":1}})",
      R"({"path":"/x","stat":{"size":1.5,"mtime":1}})",
      R"({"path":"/x","stat":{"size":1}})",
      R"({"path":"/x","stat":{"size":1,"mtime":"1"}})",
      R"({"path":"/x"})",
      std::string(100'000, ' '),
  };
  for (const std::string& text : bad) {
    write_bytes(record, text);
    EXPECT_EQ(store.open_file(key_of(sha1_)).error().code, Errc::not_found) << text.substr(0, 80);
  }
  fs::remove(record);
  ASSERT_EQ(::mkfifo(record.c_str(), 0644), 0);
  EXPECT_EQ(store.open_file(key_of(sha1_)).error().code, Errc::not_found);
  fs::remove(record);
  write_bytes(record, good);
  EXPECT_TRUE(store.open_file(key_of(sha1_)));
}

TEST_F(LinkTest, RecordMayNameAnything) {
  const Store store = open_store();
  fs::create_directories(fs::path(store.link_path_of(sha1_)).parent_path());
  for (const std::string target : {"/dev/zero", "/dev/tty", "/", "/nonexistent/file"}) {
    write_bytes(store.link_path_of(sha1_), LinkRecord{target, std::nullopt, 0, 0}.text());
    EXPECT_EQ(store.open_file(key_of(sha1_)).error().code, Errc::changed) << target;
  }
}

TEST(LinkRecord, AcceptsBothNamesOfTheManifest) {
  const std::string hex = sha1_of("m").hex();
  for (const std::string name : {"manifestSha1", "manifest_hash"}) {
    const auto record = LinkRecord::parse(R"({"path":"/x",")" + name + R"(":")" + hex +
                                          R"(","stat":{"size":1,"mtime":2.5}})");
    ASSERT_TRUE(record) << record.error().message;
    ASSERT_TRUE(record->manifest);
    EXPECT_EQ(record->manifest->hex(), hex);
    EXPECT_EQ(record->mtime, 2.5);
  }
  const auto none = LinkRecord::parse(R"({"path":"/x","stat":{"size":1,"mtime":2},"manifestSha1":null})");
  ASSERT_TRUE(none);
  EXPECT_FALSE(none->manifest);
  EXPECT_FALSE(LinkRecord::parse("{\"path\":\"/x\\u0000y\",\"stat\":{\"size\":1,\"mtime\":2}}"));
}

TEST_F(StoreTest, OpenSaysWhatIsWrongWithTheDirectory) {
  const auto missing = Store::open(posix_env(), file("missing"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::not_found);
  EXPECT_NE(missing.error().message.find(file("missing")), std::string::npos);

  write_bytes(file("plain"), "x");
  const auto plain = Store::open(posix_env(), file("plain"));
  ASSERT_FALSE(plain);
  EXPECT_EQ(plain.error().code, Errc::invalid);
  EXPECT_FALSE(Store::open(posix_env(), "relative"));
  EXPECT_FALSE(Store::open(posix_env(), ""));

  FailingEnv env;
  env.fail_at(1, EACCES, {"mkdir"});
  const auto unwritable = Store::open(env, root());
  ASSERT_FALSE(unwritable);
  EXPECT_EQ(unwritable.error().code, Errc::io);
  EXPECT_NE(unwritable.error().message.find("writable"), std::string::npos);

  env.fail_at(1, ENOSPC, {"write_all"}, true);
  const auto full = Store::open(env, root());
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Errc::no_space);
  EXPECT_NE(full.error().message.find(root()), std::string::npos);
}

TEST_F(StoreTest, OpenIgnoresASlashAtTheEnd) {
  const auto store = Store::open(posix_env(), root() + "//");
  ASSERT_TRUE(store);
  EXPECT_EQ(store->root(), root());
}

TEST_F(StoreTest, OpenRemovesWhatDeadProcessesLeft) {
  const Store store = open_store();
  const std::string tmp = store.temporary_dir();
  const auto old_file = [&](const std::string& path) {
    write_bytes(path, "rubbish");
    set_mtime(path, 1'000'000'000);
  };
  old_file(tmp + "/incoming.abcdefghijklmnop");
  old_file(tmp + "/kachery-p2p-concat-abc");
  old_file(tmp + "/partial/" + sha1_of("x").hex());
  old_file(root() + "/store.file.abcdefghIJ.tmp");
  old_file(root() + "/store.file.abcdefghI.tmp");
  old_file(root() + "/store.file.abcdefgh1J.tmp");
  old_file(root() + "/somebody's.tmp");
  old_file(tmp + "/locked");
  write_bytes(tmp + "/young", "being written");
  fs::create_symlink(root() + "/somebody's.tmp", tmp + "/symlink");
  ASSERT_EQ(::mkfifo((tmp + "/fifo").c_str(), 0644), 0);
  set_mtime(tmp + "/symlink", 1'000'000'000);
  set_mtime(tmp + "/fifo", 1'000'000'000);

  const UniqueFd lock(::open((tmp + "/locked").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::flock(lock.get(), LOCK_EX), 0);
  open_store();

  EXPECT_FALSE(fs::exists(tmp + "/incoming.abcdefghijklmnop"));
  EXPECT_FALSE(fs::exists(tmp + "/kachery-p2p-concat-abc"));
  EXPECT_FALSE(fs::exists(root() + "/store.file.abcdefghIJ.tmp"));
  EXPECT_TRUE(fs::exists(root() + "/store.file.abcdefghI.tmp"));
  EXPECT_TRUE(fs::exists(root() + "/store.file.abcdefgh1J.tmp"));
  EXPECT_TRUE(fs::exists(root() + "/somebody's.tmp"));
  EXPECT_TRUE(fs::exists(tmp + "/locked"));
  EXPECT_TRUE(fs::exists(tmp + "/young"));
  EXPECT_TRUE(fs::is_symlink(tmp + "/symlink"));
  EXPECT_TRUE(fs::exists(tmp + "/fifo"));
  EXPECT_TRUE(fs::exists(tmp + "/partial/" + sha1_of("x").hex()));
}

TEST_F(StoreTest, OpenLooksAtNoStoredFile) {
  const Store store = open_store();
  class CountingEnv final : public ForwardingEnv {
   public:
    int calls = 0;

   private:
    int enter(std::string_view) override { return ++calls, 0; }
  };
  CountingEnv env;
  ASSERT_TRUE(Store::open(env, root()));
  const int before = env.calls;
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(store_bytes(store, std::to_string(i)));
  env.calls = 0;
  ASSERT_TRUE(Store::open(env, root()));
  EXPECT_EQ(env.calls, before);
}

}  // namespace
}  // namespace kachery
