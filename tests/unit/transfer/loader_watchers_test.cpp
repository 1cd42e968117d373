// Who waits for a load: sharing, giving up, waiting for a turn, progress.
#include "transfer/loader.h"

#include <gmock/gmock.h>

#include "base/limits.h"
#include "store/writer.h"
#include "unit/transfer/rig.h"

namespace kachery {
namespace {

using std::chrono::seconds;
using testing::FakeNode;
using ::testing::HasSubstr;
using testing::Rig;
using testing::sample_bytes;
using testing::StreamScript;

class Watchers : public Rig {
 protected:
  const std::string bytes = sample_bytes(200'000);
  const FileKey key{sha1_of(bytes), std::nullopt, std::nullopt};
};

TEST_F(Watchers, TwoWatchersShareOneLoad) {
  FakeNode& node = network.add("alice");
  node.add(bytes);
  auto first = load(key);
  auto second = load(key);
  clock.settle();
  EXPECT_EQ(loader->active(), 1U);
  auto third = load(key);
  run(*first);
  expect_loaded(*first, bytes);
  expect_loaded(*second, bytes);
  expect_loaded(*third, bytes);
  EXPECT_EQ(node.downloads.size(), 1U);
  EXPECT_FALSE(second->progress.empty());
}

TEST_F(Watchers, OneWatcherMayGoWhileAnotherStays) {
  network.add("alice").add(bytes);
  auto first = load(key);
  auto second = load(key);
  clock.advance(milliseconds(5));
  first->watcher.reset();
  run(*second);
  expect_loaded(*second, bytes);
  EXPECT_FALSE(first->result);
}

TEST_F(Watchers, TheLastWatcherEndsTheLoad) {
  FakeNode& node = network.add("alice");
  node.add(bytes);
  auto client = load(key);
  clock.advance(milliseconds(8));
  ASSERT_EQ(node.streams_open, 1U);
  client->watcher.reset();
  clock.settle();
  EXPECT_EQ(node.streams_open, 0U);
  EXPECT_EQ(loader->active(), 0U);
  EXPECT_EQ(clock.timers(), 0U);
  EXPECT_FALSE(client->result);
  EXPECT_TRUE(partial_files().empty()) << "nothing of one piece is worth keeping";

  client = load(key);
  run(*client);
  expect_loaded(*client, bytes);
}

TEST_F(Watchers, ACancelledLoadMayBeAskedForAgainAtOnce) {
  network.add("alice").add(bytes);
  auto first = load(key);
  clock.advance(milliseconds(8));
  auto second = load(key);
  first->watcher.reset();
  run(*second);
  expect_loaded(*second, bytes);
}

TEST_F(Watchers, AWatcherMayGoFromItsOwnCallbacks) {
  network.add("alice").add(bytes);
  std::unique_ptr<Loader::Watcher> watcher;
  int calls = 0;
  watcher = loader->load(key, std::nullopt,
                         {[&](const LoadProgress&) {
                            ++calls;
                            watcher.reset();
                          },
                          [&](const Result<std::string>&) { ++calls; }});
  ASSERT_TRUE(run_until([&] { return calls > 0; }));
  clock.settle();
  EXPECT_EQ(loader->active(), 0U);
  EXPECT_EQ(clock.timers(), 0U);
  EXPECT_EQ(calls, 1);

  watcher = loader->load(key, std::nullopt, {{}, [&](const Result<std::string>& path) {
                                               EXPECT_TRUE(path);
                                               watcher.reset();
                                               ++calls;
                                             }});
  ASSERT_TRUE(run_until([&] { return calls == 2; }));
}

TEST_F(Watchers, AWatcherMayDropTheOthers) {
  network.add("alice").add(bytes);
  auto other = load(key);
  bool done = false;
  std::unique_ptr<Loader::Watcher> last;
  auto first = loader->load(key, std::nullopt, {{}, [&](const Result<std::string>&) {
                                                  done = true;
                                                  last.reset();
                                                }});
  int calls = 0;
  last = loader->load(key, std::nullopt, {{}, [&](const Result<std::string>&) { ++calls; }});
  ASSERT_TRUE(run_until([&] { return done; }));
  EXPECT_TRUE(other->result);
  EXPECT_EQ(calls, 0);
}

TEST_F(Watchers, TheSameFileFromTwoSourcesIsLoadedOnceAfterTheOther) {
  FakeNode& alice = network.add("alice");
  FakeNode& bob = network.add("bob");
  alice.add(bytes);
  bob.add(bytes);
  auto first = load(key, alice.id);
  auto second = load(key, bob.id);
  clock.settle();
  EXPECT_EQ(loader->active(), 1U);
  run(*first);
  run(*second);
  expect_loaded(*first, bytes);
  expect_loaded(*second, bytes);
  EXPECT_TRUE(bob.downloads.empty());
}

TEST_F(Watchers, MoreThanTheLimitWaitTheirTurn) {
  FakeNode& node = network.add("alice");
  std::vector<std::string> contents;
  std::vector<std::unique_ptr<Client>> clients;
  for (std::size_t i = 0; i < limits::loads + 3; ++i) {
    contents.push_back("file " + std::to_string(i));
    clients.push_back(load(FileKey{node.add(contents.back()), std::nullopt, std::nullopt}));
  }
  clock.settle();
  EXPECT_EQ(loader->active(), limits::loads);
  for (std::size_t i = 0; i < clients.size(); ++i) {
    run(*clients[i]);
    ASSERT_TRUE(*clients[i]->result) << clients[i]->message();
    EXPECT_EQ(testing::slurp(**clients[i]->result), contents[i]);
  }
  EXPECT_TRUE(partial_files().empty());
}

TEST_F(Watchers, ProgressComesAtMostTenTimesASecondAndNeverGoesBack) {
  FakeNode& node = network.add("alice");
  node.add(bytes);
  int streams = 0;
  node.script = [&streams](const FileKey&, std::string right) {
    StreamScript script(std::move(right));
    script.piece_size = 1000;
    script.piece_interval = milliseconds(7);
    if (++streams == 1) {
      script.announced = script.bytes.size();
      script.bytes.resize(script.bytes.size() / 2);
      script.end = StreamScript::End::breaks;
    }
    return script;
  };
  auto client = load(key);
  run(*client);
  expect_loaded(*client, bytes);
  ASSERT_GT(client->progress.size(), 10U);
  for (std::size_t i = 1; i < client->progress.size(); ++i) {
    EXPECT_GE(client->progress[i].bytes_loaded, client->progress[i - 1].bytes_loaded);
    if (i + 1 < client->progress.size()) {
      EXPECT_GE(client->progress_times[i] - client->progress_times[i - 1], milliseconds(100));
    }
  }
}

TEST_F(Watchers, AnotherProcessThatLoadsTheFileIsNamedAsTheReason) {
  network.add("alice").add(bytes);
  const Manifest plan{bytes.size(), key.sha1, {{{0, bytes.size()}, key.sha1}}};
  auto held = PartialFile::open(store, plan);
  ASSERT_TRUE(held);
  auto client = load(key);
  run(*client);
  EXPECT_EQ(client->code(), Errc::busy) << client->message();
}

TEST_F(Watchers, DestroyingTheLoaderEndsEverything) {
  network.add("alice").add(bytes);
  auto client = load(key);
  clock.advance(milliseconds(6));
  stop();
  EXPECT_EQ(clock.timers(), 0U);
  client->watcher.reset();
  EXPECT_FALSE(client->result);
}
}  // namespace
}  // namespace kachery
