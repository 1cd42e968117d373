// What is left after the power fails, the disk fills up, or a process is killed.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <chrono>
#include <random>

#include "base/limits.h"
#include "store/partial_file.h"
#include "store/writer.h"
#include "support/failing_env.h"
#include "support/power_loss_env.h"
#include "unit/store/store_fixture.h"

namespace kachery {
namespace {

using namespace testing;

// Hashes each content once, since the trees of many cuts share them.
class Hashes {
 public:
  struct Of {
    Sha1 file;
    std::optional<Sha1> manifest;
  };
  const Of& of(const PowerLossEnv::Content& content) {
    Of& found = known_[content];
    if (found.file != Sha1()) return found;
    FileAndChunkHasher hasher;
    hasher.update(*content);
    const auto digests = hasher.finish();
    found.file = digests.file;
    if (wants_manifest(digests.size)) found.manifest = sha1_of(manifest_of(digests).text());
    return found;
  }

 private:
  std::map<PowerLossEnv::Content, Of> known_;
};

std::string tree_path(const Sha1& sha1) {
  const std::string hex = sha1.hex();
  return "sha1/" + hex.substr(0, 2) + "/" + hex.substr(2, 2) + "/" + hex.substr(4, 2) + "/" + hex;
}

bool holds(const PowerLossEnv::Tree& tree, const Sha1& sha1) {
  const auto found = tree.find(tree_path(sha1));
  return found != tree.end() && found->second;
}

// Every file under sha1/ is whole and right, big ones with their manifest, and every link record is readable.
// `but_for`: a file that was damaged before.
void expect_sound(const PowerLossEnv::Tree& tree, Hashes& hashes, const std::optional<Sha1>& but_for) {
  for (const auto& [path, content] : tree) {
    if (!content || !path.starts_with("sha1/") || (but_for && path == tree_path(*but_for))) continue;
    const std::string name = path.substr(path.rfind('/') + 1);
    if (name.ends_with(".link")) {
      EXPECT_TRUE(Json::parse(*content)) << path;
      continue;
    }
    const Hashes::Of& of = hashes.of(content);
    EXPECT_EQ(of.file.hex(), name) << "a file of the store is not whole";
    EXPECT_TRUE(!of.manifest || holds(tree, *of.manifest)) << "a big file without its manifest";
  }
}

// The extremes, and mixtures.
void for_each_aftermath(const PowerLossEnv& env, const std::function<void(const PowerLossEnv::Tree&)>& look) {
  look(env.survivors([] { return false; }));
  look(env.survivors([] { return true; }));
  for (unsigned seed = 0; seed < 6; ++seed) {
    std::mt19937 random(seed);
    look(env.survivors([&] { return random() % 2 == 0; }));
  }
}

// Runs `work` on a store again and again, and cuts the power at each of the calls that `counts` accepts in
// turn. `work` gives the hash of what it was told is stored, once it is told.
void cut_everywhere(const std::string& root, const std::function<bool(std::string_view)>& counts,
                    const std::function<void(PowerLossEnv&)>& set_up,
                    const std::function<std::optional<Sha1>(const Store&)>& work,
                    const std::string& promised_suffix = "",
                    const std::optional<Sha1>& damaged = std::nullopt) {
  Hashes hashes;
  int at = 0;
  for (bool cut = true; cut && !::testing::Test::HasFailure();) {
    ++at;
    SCOPED_TRACE("cut at call " + std::to_string(at));
    fs::remove_all(root);
    fs::create_directory(root);
    FailingEnv unsynced;
    ASSERT_TRUE(Store::open(unsynced, root));
    PowerLossEnv env(root);
    set_up(env);
    const auto store = Store::open(env, root);
    ASSERT_TRUE(store);
    env.cut_at(at, counts);
    const std::optional<Sha1> promised = work(*store);
    cut = env.cut();
    ASSERT_EQ(promised.has_value() || cut, true) << "failed without a cut";
    for_each_aftermath(env, [&](const PowerLossEnv::Tree& tree) {
      expect_sound(tree, hashes, promised ? std::nullopt : damaged);
      if (!promised) return;
      EXPECT_TRUE(tree.contains(tree_path(*promised) + promised_suffix))
          << "what was said to be stored is lost";
    });
  }
  EXPECT_GT(at, 5);
}

bool any_call(std::string_view) {
  return true;
}

bool not_data(std::string_view call) {
  return call != "read" && call != "write_all" && call != "pread";
}

class DurabilityTest : public StoreTest {
 protected:
  static std::optional<Sha1> sha1_if(const Result<StoredFile>& stored) {
    return stored ? std::optional(stored->sha1) : std::nullopt;
  }
};

TEST_F(DurabilityTest, PowerLossWhileStoringASmallFile) {
  write_bytes(file("in"), vector_bytes(1000));
  cut_everywhere(
      root(), any_call, [](PowerLossEnv&) {},
      [&](const Store& store) { return sha1_if(store_file(store, file("in"), {})); });
}

TEST_F(DurabilityTest, PowerLossWhileStoringAFileWithManifest) {
  write_bytes(file("in"), vector_bytes(limits::chunk_bytes + 1));
  cut_everywhere(
      root(), not_data, [](PowerLossEnv&) {},
      [&](const Store& store) { return sha1_if(store_file(store, file("in"), {})); });
}

TEST_F(DurabilityTest, PowerLossWhileStoringWhatIsThereAlready) {
  write_bytes(file("in"), vector_bytes(1000));
  cut_everywhere(
      root(), any_call,
      [&](PowerLossEnv& env) {
        // Another process has put it there, and not synced the directories yet.
        const Sha1 sha1 = sha1_of(vector_bytes(1000));
        const std::string path = root() + "/" + tree_path(sha1);
        const auto other = Store::open(env, root());
        ASSERT_TRUE(store_bytes(*other, vector_bytes(1000)));
        fs::create_hard_link(path, file("away"));
        fs::remove(path);
        const UniqueFd directory(::open(fs::path(path).parent_path().c_str(), O_RDONLY | O_CLOEXEC));
        ASSERT_EQ(env.sync(directory.get()), 0);
        fs::rename(file("away"), path);
      },
      [&](const Store& store) { return sha1_if(store_file(store, file("in"), {})); });
}

TEST_F(DurabilityTest, PowerLossWhileStoringOverSomethingDamaged) {
  cut_everywhere(
      root(), any_call,
      [&](PowerLossEnv& env) {
        const auto other = Store::open(env, root());
        ASSERT_TRUE(store_bytes(*other, "hello"));
        fs::resize_file(other->path_of(sha1_of("hello")), 0);
      },
      [&](const Store& store) { return sha1_if(store_bytes(store, "hello")); }, "", sha1_of("hello"));
}

TEST_F(DurabilityTest, PowerLossWhileLinking) {
  write_bytes(file("in"), vector_bytes(1000));
  cut_everywhere(
      root(), any_call, [](PowerLossEnv&) {},
      [&](const Store& store) { return sha1_if(link_file(store, file("in"), {})); }, ".link");
}

TEST_F(DurabilityTest, TheStoreGoesOnAfterAPowerLoss) {
  write_bytes(file("in"), vector_bytes(5000));
  for (int at = 1; at < 60; ++at) {
    fs::remove_all(root());
    fs::create_directory(root());
    PowerLossEnv env(root());
    env.cut_at(at, any_call);
    const auto store = Store::open(env, root());
    if (store) (void)store_file(*store, file("in"), {});
    const std::string after = file("after");
    for_each_aftermath(env, [&](const PowerLossEnv::Tree& tree) {
      fs::remove_all(after);
      fs::create_directory(after);
      for (const auto& [path, content] : tree) {
        if (content) {
          write_bytes(after + "/" + path, *content);
        } else {
          fs::create_directories(after + "/" + path);
        }
      }
      FailingEnv unsynced;
      const auto again = Store::open(unsynced, after);
      ASSERT_TRUE(again) << again.error().message;
      const auto stored = store_file(*again, file("in"), {});
      ASSERT_TRUE(stored) << stored.error().message;
      EXPECT_EQ(read_bytes(again->path_of(stored->sha1)), read_bytes(file("in")));
    });
  }
}

// ---- full disks

class FullDiskTest : public StoreTest {
 protected:
  // Fails each call that needs space in turn, for a moment or for good.
  void fill_everywhere(bool named, const std::function<Status(const Store&)>& work) {
    for (const bool lasting : {false, true}) {
      for (int at = 1;; ++at) {
        SCOPED_TRACE(fmt::format("{} failure at call {}, {}", lasting ? "lasting" : "single", at,
                                 named ? "named" : "unnamed"));
        fs::remove_all(root());
        fs::create_directory(root());
        FailingEnv env;
        if (named) env.without_unnamed();
        const Store store = open_store(env);
        env.fail_at(at, ENOSPC, calls_that_need_space(), lasting);
        const Status status = work(store);
        env.never();
        EXPECT_TRUE(files_below(store.temporary_dir()).empty()) << "rubbish is left";
        expect_whole(root());
        if (env.failures() == 0) {
          EXPECT_TRUE(status) << status.error().message;
          EXPECT_GT(at, 3);
          break;
        }
        if (status) continue;  // of no consequence, such as the free space not known
        EXPECT_EQ(status.error().code, Errc::no_space) << status.error().message;
        EXPECT_NE(status.error().message.find(root()), std::string::npos) << status.error().message;
        EXPECT_TRUE(work(store)) << "it does not go on when there is space again";
        if (HasFailure()) return;
      }
    }
  }
};

TEST_F(FullDiskTest, StoringAFile) {
  write_bytes(file("in"), vector_bytes(600'000));
  for (const bool named : {false, true}) {
    fill_everywhere(named, [&](const Store& store) -> Status {
      KACHERY_CHECK(store_file(store, file("in"), {}));
      return {};
    });
  }
}

TEST_F(FullDiskTest, StoringAManifest) {
  // What of a big file needs space beyond the data: without hashing 20 MB for each call.
  for (const bool named : {false, true}) {
    fill_everywhere(named, [&](const Store& store) -> Status {
      KACHERY_CHECK(store_bytes(store, "a manifest"));
      KACHERY_CHECK(store_bytes(store, "a file"));
      return {};
    });
  }
}

TEST_F(FullDiskTest, LinkingAFile) {
  write_bytes(file("in"), "hello");
  for (const bool named : {false, true}) {
    fill_everywhere(named, [&](const Store& store) -> Status {
      KACHERY_CHECK(link_file(store, file("in"), {}));
      return {};
    });
  }
}

TEST_F(FullDiskTest, BeginningAPartialFile) {
  fill_everywhere(false, [&](const Store& store) -> Status {
    Manifest manifest{100'000, sha1_of("x"), {{{0, 100'000}, sha1_of("x")}}};
    KACHERY_TRY(PartialFile partial, PartialFile::open(store, manifest));
    Status status = partial.write(0, "hello");
    if (status) status = partial.record(0, true);
    partial.discard();
    return status;
  });
}

TEST_F(FullDiskTest, OtherFailuresAreToldToo) {
  write_bytes(file("in"), vector_bytes(600'000));
  for (int at = 1; !HasFailure(); ++at) {
    fs::remove_all(root());
    fs::create_directory(root());
    FailingEnv env;
    const Store store = open_store(env);
    env.fail_at(at, EIO);
    const auto stored = store_file(store, file("in"), {});
    const bool failed = env.failures() > 0;
    env.never();
    expect_whole(root());
    EXPECT_TRUE(files_below(store.temporary_dir()).empty());
    EXPECT_TRUE(!stored || read_bytes(store.path_of(stored->sha1)) == read_bytes(file("in")));
    if (!failed) {
      EXPECT_TRUE(stored);
      break;
    }
  }
}

// ---- kill -9

// Stores files, big and small, until it is killed.
[[noreturn]] void store_for_ever(const std::string& root, const std::string& input, bool named,
                                 unsigned seed) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  FailingEnv env;
  if (named) env.without_unnamed();
  const auto store = Store::open(env, root);
  if (!store) ::_exit(1);
  std::mt19937 random(seed);
  while (true) {
    const std::string bytes = vector_bytes(random() % 300'000, random());
    if (!store_bytes(*store, bytes)) ::_exit(2);
    auto incoming = IncomingFile::create(*store, 0);
    if (!incoming || !incoming->write(vector_bytes(random() % 100'000, random())) || !incoming->commit()) {
      ::_exit(3);
    }
    if (random() % 4 == 0 && !store_file(*store, input, {})) ::_exit(4);
    if (random() % 8 == 0) fs::remove(store->path_of(sha1_of(bytes)));
  }
}

TEST_F(DurabilityTest, KilledAtAnyTimeItLeavesWholeFiles) {
  write_bytes(file("in"), vector_bytes(limits::chunk_bytes + 1));
  std::mt19937 random(7);
  for (unsigned round = 0; round < 20; ++round) {
    const bool named = round % 2 == 1;
    const pid_t child = ::fork();
    if (child == 0) store_for_ever(root(), file("in"), named, round);
    ::usleep(1000 * (5 + static_cast<useconds_t>(random() % 200)));
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status)) << "it ended by itself with " << status;
  }
  expect_whole(root());
  // What is left in tmp/ goes when it is a minute old.
  for (const std::string& name : files_below(root() + "/tmp"))
    set_mtime(root() + "/tmp/" + name, 1'600'000'000);
  const Store store = open_store();
  EXPECT_TRUE(files_below(store.temporary_dir()).empty());
  EXPECT_TRUE(store_file(store, file("in"), {}));
}

}  // namespace
}  // namespace kachery
