#include "store/writer.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "support/failing_env.h"
#include "support/vectors.h"
#include "unit/store/store_fixture.h"

namespace kachery {
namespace {

using namespace testing;

TEST_F(StoreTest, StoresTheGoldenFiles) {
  const Store store = open_store();
  for (const Json& c : items(vectors("manifests")["cases"])) {
    write_bytes(file("in"), vector_bytes(static_cast<std::size_t>(c["size"].number())));
    std::uint64_t last = 0;
    const auto stored = store_file(store, file("in"), [&](std::uint64_t done, std::uint64_t total) {
      EXPECT_GE(done, last);
      EXPECT_EQ(static_cast<double>(total), c["size"].number());
      last = done;
      return true;
    });
    ASSERT_TRUE(stored) << stored.error().message;
    EXPECT_EQ(stored->sha1.hex(), c["sha1"].string());
    EXPECT_EQ(stored->manifest ? stored->manifest->hex() : "", c["manifestSha1"].string());
    EXPECT_EQ(static_cast<double>(stored->size), c["size"].number());
    EXPECT_EQ(last, stored->size);
    EXPECT_EQ(read_bytes(store.path_of(stored->sha1)), read_bytes(file("in")));
    EXPECT_EQ(mode_of(store.path_of(stored->sha1)), 0644u);
    if (stored->manifest) {
      EXPECT_EQ(read_bytes(store.path_of(*stored->manifest)), c["manifest"].string());
    }
  }
  EXPECT_TRUE(files_below(store.temporary_dir()).empty());
  expect_whole(root());
}

TEST_F(StoreTest, ModesDoNotDependOnTheUmask) {
  const mode_t before = ::umask(077);
  const Store store = open_store();
  const auto stored = store_bytes(store, "x");
  ::umask(before);
  ASSERT_TRUE(stored);
  fs::path path = store.path_of(stored->sha1);
  EXPECT_EQ(mode_of(path), 0644u);
  for (int i = 0; i < 4; ++i) {
    path = path.parent_path();
    EXPECT_EQ(mode_of(path), 0755u) << path;
  }
}

TEST_F(StoreTest, WritesInPiecesOfAnySize) {
  const Store store = open_store();
  const std::string bytes = vector_bytes(1000);
  for (const std::size_t piece : {1u, 2u, 3u, 999u, 1000u, 5000u}) {
    for (const std::uint64_t expected : {0u, 10u, 1000u, 100'000u}) {
      auto incoming = IncomingFile::create(store, expected);
      ASSERT_TRUE(incoming) << incoming.error().message;
      for (std::size_t at = 0; at < bytes.size(); at += piece) {
        ASSERT_TRUE(incoming->write(std::string_view(bytes).substr(at, piece)));
      }
      EXPECT_EQ(incoming->size(), 1000u);
      const auto stored = incoming->commit();
      ASSERT_TRUE(stored) << stored.error().message;
      EXPECT_EQ(stored->sha1, sha1_of(bytes));
      EXPECT_EQ(read_bytes(store.path_of(stored->sha1)), bytes);
      fs::remove(store.path_of(stored->sha1));
    }
  }
}

TEST_F(StoreTest, AnIncomingFileThatIsDroppedLeavesNothing) {
  FailingEnv env;
  for (const bool named : {false, true}) {
    if (named) env.without_unnamed();
    const Store store = open_store(env);
    {
      auto incoming = IncomingFile::create(store, 100);
      ASSERT_TRUE(incoming);
      ASSERT_TRUE(incoming->write("bytes"));
      EXPECT_EQ(files_below(store.temporary_dir()).size(), named ? 1u : 0u);
      IncomingFile moved = *std::move(incoming);
      auto other = IncomingFile::create(store, 0);
      ASSERT_TRUE(other);
      *other = std::move(moved);
    }
    EXPECT_TRUE(files_below(store.temporary_dir()).empty());
  }
}

TEST_F(StoreTest, StoresWithoutUnnamedFilesOrHardLinks) {
  FailingEnv env;
  env.without_unnamed();
  for (const bool links : {true, false}) {
    if (!links) env.without_hard_links();
    const Store store = open_store(env);
    const std::string bytes = vector_bytes(limits::chunk_bytes + 5, links ? 1 : 0);
    write_bytes(file("in"), bytes);
    for (int i = 0; i < 2; ++i) {
      const auto stored = store_file(store, file("in"), {});
      ASSERT_TRUE(stored) << stored.error().message;
      EXPECT_EQ(read_bytes(store.path_of(stored->sha1)), bytes);
      EXPECT_TRUE(files_below(store.temporary_dir()).empty());
    }
    const auto linked = link_file(store, file("in"), {});
    ASSERT_TRUE(linked) << linked.error().message;
  }
  expect_whole(root());
}

TEST_F(StoreTest, AnObjectThatIsThereWins) {
  const Store store = open_store();
  const auto first = store_bytes(store, "hello");
  ASSERT_TRUE(first);
  const auto inode = [&] {
    struct stat status {};
    ::stat(store.path_of(first->sha1).c_str(), &status);
    return status.st_ino;
  };
  const ino_t before = inode();
  ASSERT_TRUE(store_bytes(store, "hello"));
  write_bytes(file("in"), "hello");
  ASSERT_TRUE(store_file(store, file("in"), {}));
  EXPECT_EQ(inode(), before);
}

TEST_F(StoreTest, WhatIsNotTheFileOfItsNameIsReplaced) {
  const Store store = open_store();
  write_bytes(file("in"), "hello");
  write_bytes(file("victim"), "victim");
  const Sha1 sha1 = sha1_of("hello");
  const std::string path = store.path_of(sha1);
  FailingEnv named;
  named.without_unnamed();
  for (Env* env : {&posix_env(), static_cast<Env*>(&named)}) {
    const Store any = open_store(*env);
    fs::create_directories(fs::path(path).parent_path());
    write_bytes(path, "hell");  // cut short
    ASSERT_TRUE(store_file(any, file("in"), {}));
    EXPECT_EQ(read_bytes(path), "hello");
    fs::remove(path);
    fs::create_symlink(file("victim"), path);
    ASSERT_TRUE(store_file(any, file("in"), {}));
    EXPECT_FALSE(fs::is_symlink(path));
    EXPECT_EQ(read_bytes(path), "hello");
    fs::remove(path);
    ASSERT_EQ(::mkfifo(path.c_str(), 0644), 0);
    ASSERT_TRUE(store_bytes(any, "hello"));
    EXPECT_EQ(read_bytes(path), "hello");
    write_bytes(path, "hullo");  // the right size: found by content from memory only
    ASSERT_TRUE(store_bytes(any, "hello"));
    EXPECT_EQ(read_bytes(path), "hello");
    fs::remove(path);
    fs::create_directory(path);
    EXPECT_FALSE(store_bytes(any, "hello"));
    fs::remove(path);
    EXPECT_TRUE(files_below(store.temporary_dir()).empty());
  }
  EXPECT_EQ(read_bytes(file("victim")), "victim");
}

TEST_F(StoreTest, TakesRegularFilesOnly) {
  const Store store = open_store();
  EXPECT_EQ(store_file(store, file("missing"), {}).error().code, Errc::not_found);
  EXPECT_EQ(store_file(store, directory_.path(), {}).error().code, Errc::invalid);
  EXPECT_EQ(store_file(store, "/dev/zero", {}).error().code, Errc::invalid);
  ASSERT_EQ(::mkfifo(file("fifo").c_str(), 0644), 0);
  EXPECT_EQ(store_file(store, file("fifo"), {}).error().code, Errc::invalid);
  EXPECT_EQ(link_file(store, file("fifo"), {}).error().code, Errc::invalid);
  EXPECT_EQ(store_file(store, std::string("a\0b", 3), {}).error().code, Errc::invalid);
  EXPECT_EQ(store_file(store, "", {}).error().code, Errc::not_found);
  // A symlink to one is one.
  write_bytes(file("in"), "hello");
  fs::create_symlink(file("in"), file("symlink"));
  EXPECT_TRUE(store_file(store, file("symlink"), {}));
}

TEST_F(StoreTest, CancellingLeavesNothing) {
  const Store store = open_store();
  write_bytes(file("in"), vector_bytes(10'000'000));
  for (const auto take_up : {store_file, link_file}) {
    const auto stored =
        take_up(store, file("in"), [](std::uint64_t done, std::uint64_t) { return done < 5'000'000; });
    ASSERT_FALSE(stored);
    EXPECT_EQ(stored.error().code, Errc::cancelled);
  }
  EXPECT_EQ(files_below(root()).size(), 1u);  // the empty file
}

// Does something to a file after the n-th read of it.
class MeddlingEnv final : public ForwardingEnv {
 public:
  std::function<void()> meddle;
  int reads = 0;

 private:
  int enter(std::string_view call) override {
    if (call == "read" && ++reads == 2 && meddle) meddle();
    return 0;
  }
};

TEST_F(StoreTest, AFileThatChangesMeanwhileIsRefused) {
  const std::string path = file("in");
  const std::vector<std::function<void()>> changes = {
      [&] { std::ofstream(path, std::ios::app) << "more"; },
      [&] { fs::resize_file(path, 1'000'000); },
      [&] { set_mtime(path, 1'700'000'000); },
      [&] { fs::remove(path); },
      [&] {
        fs::copy_file(path, path + ".new");
        set_mtime(path + ".new", 1'600'000'000);
        fs::rename(path + ".new", path);
      },
  };
  for (const auto take_up : {store_file, link_file}) {
    for (const auto& change : changes) {
      write_bytes(path, vector_bytes(3'000'000));
      set_mtime(path, 1'600'000'000);
      MeddlingEnv env;
      const Store store = open_store(env);
      env.meddle = change;
      const auto stored = take_up(store, path, {});
      ASSERT_FALSE(stored);
      EXPECT_EQ(stored.error().code, Errc::changed) << stored.error().message;
      EXPECT_EQ(files_below(root()).size(), 1u);
    }
  }
}

TEST_F(StoreTest, LinksNameTheFileItself) {
  const Store store = open_store();
  fs::create_directory(file("d"));
  write_bytes(file("d/in"), "hello");
  fs::create_symlink(file("d"), file("symlink"));
  const fs::path before = fs::current_path();
  fs::current_path(file("symlink"));
  const auto linked = link_file(store, "./in", {});
  fs::current_path(before);
  ASSERT_TRUE(linked) << linked.error().message;
  EXPECT_EQ(store.readable_path(linked->sha1), file("d/in"));
}

TEST_F(StoreTest, LinksOfBigFilesHaveManifests) {
  const Store store = open_store();
  write_bytes(file("in"), vector_bytes(20'000'001));
  const auto linked = link_file(store, file("in"), {});
  ASSERT_TRUE(linked) << linked.error().message;
  ASSERT_TRUE(linked->manifest);
  EXPECT_EQ(linked->manifest->hex(), "ee873a47dc150b0ac09f1e49e7cbbf012516a77f");
  EXPECT_TRUE(store.read_verified(*linked->manifest, 10'000));
  EXPECT_EQ((*Json::parse(read_bytes(store.link_path_of(linked->sha1))))["manifestSha1"].string(),
            linked->manifest->hex());
}

TEST_F(StoreTest, LinksNeitherItsOwnFilesNorWhatItCannotName) {
  const Store store = open_store();
  const auto stored = store_bytes(store, "hello");
  EXPECT_EQ(link_file(store, store.path_of(stored->sha1), {}).error().code, Errc::invalid);
  fs::create_symlink(root(), file("storage-symlink"));
  EXPECT_EQ(
      link_file(store, file("storage-symlink/sha1") + store.path_of(stored->sha1).substr(root().size() + 5),
                {})
          .error()
          .code,
      Errc::invalid);
  write_bytes(file("storage.txt"), "beside");
  EXPECT_TRUE(link_file(store, file("storage.txt"), {}));
  write_bytes(file("bad\xff"), "name");
  EXPECT_EQ(link_file(store, file("bad\xff"), {}).error().code, Errc::invalid);
  EXPECT_TRUE(store_file(store, file("bad\xff"), {}));
  // What is stored needs no link.
  write_bytes(file("in"), "hello");
  ASSERT_TRUE(link_file(store, file("in"), {}));
  EXPECT_FALSE(fs::exists(store.link_path_of(stored->sha1)));
}

TEST_F(StoreTest, ALinkIsRenewed) {
  const Store store = open_store();
  write_bytes(file("in"), "hello");
  ASSERT_TRUE(link_file(store, file("in"), {}));
  set_mtime(file("in"), 1'500'000'000);
  EXPECT_EQ(store.open_file(key_of(sha1_of("hello"))).error().code, Errc::changed);
  ASSERT_TRUE(link_file(store, file("in"), {}));
  EXPECT_TRUE(store.open_file(key_of(sha1_of("hello"))));
  EXPECT_TRUE(files_below(store.temporary_dir()).empty());
}

TEST_F(StoreTest, RefusesMoreThanTheLimit) {
  const Store store = open_store();
  EXPECT_EQ(IncomingFile::create(store, limits::file_bytes + 1).error().code, Errc::too_large);
  EXPECT_EQ(IncomingFile::create(store, limits::file_bytes).error().code, Errc::no_space);
  EXPECT_TRUE(files_below(store.temporary_dir()).empty());
}

}  // namespace
}  // namespace kachery
