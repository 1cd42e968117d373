// Loads by a manifest: chunks from several providers, bad chunks, bad manifests, and going on after a
// restart.
#include <gmock/gmock.h>

#include "store/writer.h"
#include "support/failing_env.h"
#include "unit/transfer/rig.h"

namespace kachery {
namespace {

using std::chrono::seconds;
using testing::FakeNode;
using ::testing::HasSubstr;
using testing::manifest_for;
using testing::Rig;
using testing::sample_bytes;
using testing::StreamScript;

class ChunkedLoad : public Rig {
 protected:
  static constexpr std::size_t chunk_size = 64u << 10;

  using Rig::Rig;

  // A node with the file and its manifest.
  FakeNode& provider(const std::string& label) {
    FakeNode& node = network.add(label);
    node.add(bytes);
    node.add(manifest.text());
    return node;
  }
  FileKey key_with(const std::string& manifest_text) const {
    return FileKey{sha1_of(bytes), sha1_of(manifest_text), std::nullopt};
  }
  // How often a node was asked for a chunk, and for the file in one piece.
  static std::size_t chunks_asked(const FakeNode& node) {
    return static_cast<std::size_t>(std::count_if(node.downloads.begin(), node.downloads.end(),
                                                  [](const FileKey& k) { return k.chunk_of.has_value(); }));
  }
  std::size_t wholes_asked(const FakeNode& node) const {
    return static_cast<std::size_t>(
        std::count_if(node.downloads.begin(), node.downloads.end(),
                      [&](const FileKey& k) { return k.sha1 == key.sha1 && !k.chunk_of; }));
  }
  static bool is_chunk(const FileKey& k) { return k.chunk_of.has_value(); }

  const std::string bytes = sample_bytes(20 * chunk_size + 1000, 7);
  const Manifest manifest = manifest_for(bytes, chunk_size);
  const std::size_t chunks = manifest.chunks.size();
  const FileKey key = key_with(manifest.text());
};

TEST_F(ChunkedLoad, FromOneProvider) {
  FakeNode& node = provider("alice");
  auto client = load(key);
  run(*client);
  expect_loaded(*client, bytes);
  EXPECT_EQ(chunks_asked(node), chunks);
  EXPECT_EQ(wholes_asked(node), 0U);
  EXPECT_EQ(node.most_streams_open, 2U);
  // Asked for by keys of their own, in file order.
  EXPECT_EQ(node.downloads.at(1), (FileKey{manifest.chunks[0].sha1, std::nullopt,
                                           ChunkOf{key.sha1, key.manifest, {0, chunk_size}}}));
  EXPECT_EQ(node.downloads.at(2).chunk_of->range.start, chunk_size);
}

TEST_F(ChunkedLoad, TheManifestBecomesAFileToo) {
  provider("alice");
  auto client = load(key);
  run(*client);
  ASSERT_TRUE(run_until([&] { return worker->pending() == 0; }));
  EXPECT_EQ(testing::slurp(store.path_of(*key.manifest)), manifest.text());
}

TEST_F(ChunkedLoad, ALocalManifestIsNotAskedFor) {
  ASSERT_TRUE(store_bytes(store, manifest.text()));
  FakeNode& node = network.add("alice");
  node.add(bytes);
  auto client = load(key);
  run(*client);
  expect_loaded(*client, bytes);
  EXPECT_EQ(node.downloads.size(), chunks);
}

TEST_F(ChunkedLoad, SpreadsOverThreeProviders) {
  FakeNode* const nodes[] = {&provider("alice"), &provider("bob"), &provider("carol")};
  auto client = load(key);
  run(*client);
  expect_loaded(*client, bytes);
  std::size_t all = 0;
  for (const FakeNode* node : nodes) {
    EXPECT_GE(chunks_asked(*node), 4U) << node->label;
    EXPECT_LE(node->most_streams_open, 2U) << node->label;
    all += chunks_asked(*node);
  }
  EXPECT_EQ(all, chunks) << "nothing was asked for twice";
}

TEST_F(ChunkedLoad, AtMostEightStreamsAtOnce) {
  std::vector<FakeNode*> nodes;
  std::size_t most = 0;
  for (int i = 0; i < 6; ++i) {
    nodes.push_back(&provider("node"));
    nodes.back()->script = [&](const FileKey&, std::string right) {
      std::size_t open = 1;
      for (const FakeNode* node : nodes) open += node->streams_open;
      most = std::max(most, open);
      return StreamScript(std::move(right));
    };
  }
  auto client = load(key);
  run(*client);
  expect_loaded(*client, bytes);
  EXPECT_EQ(most, 8U);
}

TEST_F(ChunkedLoad, AProviderThatAnswersLaterJoinsIn) {
  FakeNode& first = provider("alice");
  first.script = [](const FileKey&, std::string right) {
    StreamScript script(std::move(right));
    script.piece_interval = milliseconds(200);
    return script;
  };
  FakeNode& late = provider("bob");
  late.latency = milliseconds(300);
  auto client = load(key);
  run(*client);
  expect_loaded(*client, bytes);
  EXPECT_GT(chunks_asked(late), 0U);
  EXPECT_GT(chunks_asked(first), 0U);
}

TEST_F(ChunkedLoad, FromOneNodeOnly) {
  FakeNode& alice = provider("alice");
  FakeNode& bob = provider("bob");
  auto client = load(key, bob.id);
  run(*client);
  expect_loaded(*client, bytes);
  EXPECT_TRUE(alice.checks.empty() && alice.downloads.empty() && bob.checks.empty());
  EXPECT_EQ(chunks_asked(bob), chunks);
}

// ---- bad chunks

TEST_F(ChunkedLoad, ABadChunkIsThrownAwayAndItsProviderAskedNoMore) {
  FakeNode& bad = provider("mallory");
  FakeNode& good = provider("alice");
  good.latency = milliseconds(5);
  bad.script = [](const FileKey& k, std::string right) {
    if (is_chunk(k)) right[10] ^= 1;
    return StreamScript(std::move(right));
  };
  auto client = load(key);
  run(*client);
  expect_loaded(*client, bytes);
  EXPECT_LE(chunks_asked(bad), 2U) << "what was in flight when it was found out";
  EXPECT_GE(chunks_asked(bad), 1U);
}

TEST_F(ChunkedLoad, OnlyABadProvider) {
  FakeNode& bad = provider("mallory");
  bad.script = [this](const FileKey& k, std::string right) {
    if (is_chunk(k) && k.chunk_of->range.start == 5 * chunk_size) right[0] ^= 1;
    return StreamScript(std::move(right));
  };
  auto client = load(key);
  run(*client);
  EXPECT_EQ(client->code(), Errc::damaged) << client->message();
  EXPECT_THAT(client->message(), HasSubstr("mallory: sent data that does not match its hash"));
  EXPECT_EQ(partial_files().size(), 2U) << "the good chunks are kept for another time";
  EXPECT_FALSE(std::filesystem::exists(store.path_of(key.sha1)));
}

TEST_F(ChunkedLoad, EndlessDataIsStoppedAtOnce) {
  FakeNode& bad = provider("mallory");
  bad.script = [](const FileKey& k, std::string right) {
    StreamScript script(std::move(right));
    if (is_chunk(k)) {
      script.endless = true;
      script.announce_nothing = true;
    }
    return script;
  };
  provider("alice").latency = milliseconds(5);
  auto client = load(key);
  run(*client);
  expect_loaded(*client, bytes);
  EXPECT_LE(bad.bytes_sent, manifest.text().size() + 2 * (chunk_size + (16U << 10)));
}

TEST_F(ChunkedLoad, AStalledChunkGoesToAnother) {
  FakeNode& bad = provider("mallory");
  bad.script = [](const FileKey& k, std::string right) {
    StreamScript script(std::move(right));
    if (is_chunk(k)) {
      script.announced = script.bytes.size();
      script.bytes.resize(100);
      script.end = StreamScript::End::stall;
    }
    return script;
  };
  FakeNode& good = provider("alice");
  good.latency = milliseconds(2);
  auto client = load(key);
  run(*client);
  expect_loaded(*client, bytes);
  EXPECT_LE(clock.monotonic(), seconds(32)) << "one idle time-out, not one for each chunk";
  EXPECT_LE(chunks_asked(bad), 2U);
}

TEST_F(ChunkedLoad, ACrawlingChunkIsTakenOverByAnIdleProvider) {
  FakeNode& slow = provider("snail");
  slow.script = [](const FileKey& k, std::string right) {
    StreamScript script(std::move(right));
    if (is_chunk(k)) {
      script.piece_size = 1;
      script.piece_interval = seconds(20);  // never idle for long enough to be called stalled
    }
    return script;
  };
  FakeNode& good = provider("alice");
  good.latency = milliseconds(2);
  auto client = load(key);
  run(*client);
  expect_loaded(*client, bytes);
  EXPECT_LE(clock.monotonic(), seconds(60));
  EXPECT_EQ(slow.streams_open, 0U);
}

TEST_F(ChunkedLoad, AProviderThatDisappearsInMidStream) {
  FakeNode& leaving = provider("bob");
  leaving.script = [&leaving](const FileKey& k, std::string right) {
    StreamScript script(std::move(right));
    if (is_chunk(k) && leaving.downloads.size() > 3) {
      leaving.manner = FakeNode::Manner::unreachable;
      script.announced = script.bytes.size();
      script.bytes.resize(script.bytes.size() / 2);
      script.end = StreamScript::End::breaks;
    }
    return script;
  };
  FakeNode& staying = provider("alice");
  auto client = load(key);
  run(*client);
  expect_loaded(*client, bytes);
  EXPECT_GT(chunks_asked(staying), chunks / 2);
}

TEST_F(ChunkedLoad, AProviderThatStumblesNowAndThenIsEnough) {
  FakeNode& node = provider("alice");
  std::size_t asked = 0;
  node.script = [&asked](const FileKey& k, std::string right) {
    StreamScript script(std::move(right));
    if (is_chunk(k) && ++asked % 4 == 0) {
      script.announced = script.bytes.size();
      script.bytes.resize(100);
      script.end = StreamScript::End::stall;
    }
    return script;
  };
  auto client = load(key);
  run(*client);
  expect_loaded(*client, bytes);
  EXPECT_GT(node.checks.size(), 3U) << "rounds in which something came are not counted against it";
}

TEST_F(ChunkedLoad, OffersOfAnotherSizeAreNotAskedForChunks) {
  FakeNode& liar = provider("mallory");
  liar.claimed_size = 17;
  // The manifest's size is claimed falsely too, so that it must come from alice.
  FakeNode& good = provider("alice");
  good.latency = milliseconds(5);
  auto client = load(key);
  run(*client);
  expect_loaded(*client, bytes);
  EXPECT_EQ(chunks_asked(liar), 0U);
}

// ---- bad manifests

TEST_F(ChunkedLoad, WithoutTheManifestTheFileComesInOnePiece) {
  FakeNode& node = network.add("alice");
  node.add(bytes);
  auto client = load(key);
  run(*client);
  expect_loaded(*client, bytes);
  EXPECT_EQ(wholes_asked(node), 1U);
  EXPECT_EQ(chunks_asked(node), 0U);
}

TEST_F(ChunkedLoad, ADamagedManifestBlamesItsProvider) {
  FakeNode& bad = provider("mallory");
  bad.script = [this](const FileKey& k, std::string right) {
    if (k.sha1 == *key.manifest) right[0] = ' ';
    return StreamScript(std::move(right));
  };
  FakeNode& good = provider("alice");
  good.latency = milliseconds(5);
  auto client = load(key);
  run(*client);
  expect_loaded(*client, bytes);
  EXPECT_EQ(chunks_asked(bad), 0U);
  EXPECT_EQ(chunks_asked(good), chunks);
}

TEST_F(ChunkedLoad, ASilentManifestProviderIsNotWaitedFor) {
  FakeNode& bad = provider("mallory");
  bad.script = [this](const FileKey& k, std::string right) {
    StreamScript script(std::move(right));
    if (k.sha1 == *key.manifest) {
      script.announced = script.bytes.size();
      script.bytes.resize(1);
      script.end = StreamScript::End::stall;
    }
    return script;
  };
  provider("alice").latency = milliseconds(5);
  auto client = load(key);
  run(*client);
  expect_loaded(*client, bytes);
  EXPECT_LT(clock.monotonic(), seconds(5));
}

// Manifests that are well hashed and useless: the file comes in one piece.
TEST_F(ChunkedLoad, ManifestsThatDoNotFit) {
  const Manifest of_another = manifest_for(sample_bytes(100'000, 9), chunk_size);
  Manifest unaligned = manifest_for(bytes, chunk_size - 1);
  Manifest other_size = manifest;
  other_size.size -= 10;
  other_size.chunks.back().range.end -= 10;
  for (const std::string& text : {of_another.text(), unaligned.text(), other_size.text(),
                                  std::string("no manifest at all"), std::string("{}")}) {
    restart();
    FakeNode& node = network.add("alice");
    node.add(bytes);
    node.add(text);
    const FileKey bad_key = key_with(text);
    auto client = load(bad_key);
    run(*client);
    expect_loaded(*client, bytes);
    EXPECT_EQ(chunks_asked(node), 0U) << text.substr(0, 80);
    std::filesystem::remove(store.path_of(key.sha1));
  }
}

class LyingManifest : public ChunkedLoad {
 protected:
  LyingManifest() {
    // Right for other bytes of the same size, under the hash of ours.
    other[3 * chunk_size + 5] = static_cast<char>(other[3 * chunk_size + 5] ^ 1);
    Manifest made = manifest_for(other, chunk_size);
    made.sha1 = sha1_of(bytes);
    lie = made.text();
  }
  // Serves the chunks of the lie.
  void serve_the_lie(FakeNode& node) {
    node.add(lie);
    node.script = [this](const FileKey& k, std::string right) {
      if (is_chunk(k)) right = other.substr(k.chunk_of->range.start, k.chunk_of->range.size());
      return StreamScript(std::move(right));
    };
  }
  std::string other = bytes;
  std::string lie;
};

TEST_F(LyingManifest, IsFoundOutAndTheFileComesInOnePiece) {
  FakeNode& node = network.add("alice");
  node.add(bytes);
  serve_the_lie(node);
  auto client = load(key_with(lie));
  run(*client);
  expect_loaded(*client, bytes);
  EXPECT_EQ(chunks_asked(node), chunks);
  EXPECT_EQ(wholes_asked(node), 1U) << "the provider of the chunks is not to blame";
}

TEST_F(LyingManifest, IsNamedWhenThatFailsToo) {
  FakeNode& node = network.add("mallory");
  node.add(bytes);
  serve_the_lie(node);
  const auto chunk_script = node.script;
  node.script = [chunk_script](const FileKey& k, std::string right) {
    if (!is_chunk(k) && !k.manifest) return chunk_script(k, std::move(right));  // the manifest
    if (!is_chunk(k)) right[0] ^= 1;
    return chunk_script(k, std::move(right));
  };
  auto client = load(key_with(lie));
  run(*client);
  EXPECT_EQ(client->code(), Errc::damaged);
  EXPECT_THAT(client->message(), HasSubstr("manifest"));
  EXPECT_THAT(client->message(), HasSubstr("mallory"));
  EXPECT_TRUE(partial_files().empty());
}

// ---- going on

TEST_F(ChunkedLoad, GoesOnAfterARestart) {
  FakeNode& node = provider("alice");
  auto client = load(key);
  ASSERT_TRUE(run_until([&] { return chunks_asked(node) > 10; }));
  client->watcher.reset();
  restart();
  ASSERT_EQ(partial_files().size(), 2U);
  node.downloads.clear();

  client = load(key);
  run(*client);
  expect_loaded(*client, bytes);
  EXPECT_LE(chunks_asked(node), chunks - 9) << "what had arrived was not asked for again";
  EXPECT_GT(client->progress.front().bytes_loaded, 9 * chunk_size);
}

TEST_F(ChunkedLoad, WhatWasRecordedIsHashedAgainBeforeItIsTrusted) {
  FakeNode& node = provider("alice");
  {
    auto partial = PartialFile::open(store, manifest);
    ASSERT_TRUE(partial);
    for (std::size_t i = 0; i < chunks; ++i) {
      const ByteRange range = manifest.chunks[i].range;
      std::string part = bytes.substr(range.start, range.size());
      if (i == 0 || i == 7) part[3] ^= 1;  // as after a power loss
      ASSERT_TRUE(partial->write(range.start, part));
      ASSERT_TRUE(partial->record(i, true));
    }
  }
  auto client = load(key);
  run(*client);
  expect_loaded(*client, bytes);
  EXPECT_EQ(chunks_asked(node), 2U);
}

TEST_F(ChunkedLoad, ARecordThatWasCompleteNeedsNoStreamAtAll) {
  FakeNode& node = provider("alice");
  {
    auto partial = PartialFile::open(store, manifest);
    ASSERT_TRUE(partial && partial->write(0, bytes));
    for (std::size_t i = 0; i < chunks; ++i) ASSERT_TRUE(partial->record(i, true));
  }
  auto client = load(key);
  run(*client);
  expect_loaded(*client, bytes);
  EXPECT_EQ(chunks_asked(node), 0U);
}

TEST_F(ChunkedLoad, ProgressCountsBackOnlyForDamage) {
  FakeNode& bad = provider("mallory");
  bad.script = [](const FileKey& k, std::string right) {
    StreamScript script(std::move(right));
    script.piece_size = 100;
    if (is_chunk(k)) script.bytes[10] ^= 1;
    return script;
  };
  FakeNode& good = provider("alice");
  good.latency = milliseconds(800);
  auto client = load(key);
  run(*client);
  expect_loaded(*client, bytes);
  int backwards = 0;
  for (std::size_t i = 1; i < client->progress.size(); ++i) {
    backwards += client->progress[i].bytes_loaded < client->progress[i - 1].bytes_loaded ? 1 : 0;
    EXPECT_LE(client->progress[i].bytes_loaded, bytes.size());
  }
  EXPECT_GE(backwards, 1);
  EXPECT_LE(backwards, 2);
  EXPECT_EQ(client->progress.back().bytes_loaded, bytes.size());
}

// A disk that fills up in the middle, in the loop's process.
class FullDisk : public ChunkedLoad {
 protected:
  FullDisk() : ChunkedLoad(env_) {}

  static testing::FailingEnv env_;
};
testing::FailingEnv FullDisk::env_;

TEST_F(FullDisk, InTheMiddleEndsTheLoadAndIsFreedOfIt) {
  FakeNode& node = provider("alice");
  env_.fail_at(30, ENOSPC, {"pwrite_all"}, true);
  auto client = load(key);
  run(*client);
  EXPECT_GT(env_.failures(), 0);
  env_.never();
  EXPECT_EQ(client->code(), Errc::no_space) << client->message();
  EXPECT_THAT(client->message(), HasSubstr("was removed"));
  EXPECT_TRUE(partial_files().empty());
  EXPECT_EQ(node.streams_open, 0U);

  client = load(key);
  run(*client);
  expect_loaded(*client, bytes);
}

TEST_F(FullDisk, AtTheBeginning) {
  provider("alice");
  env_.fail_at(1, ENOSPC, {"allocate"}, true);
  auto client = load(key);
  run(*client);
  env_.never();
  EXPECT_EQ(client->code(), Errc::no_space) << client->message();
  EXPECT_TRUE(partial_files().empty());
}

TEST_F(FullDisk, ABrokenDiskIsNotTheProvidersFault) {
  provider("alice");
  env_.fail_at(30, EIO, {"pwrite_all"}, true);
  auto client = load(key);
  run(*client);
  env_.never();
  EXPECT_EQ(client->code(), Errc::io) << client->message();
  EXPECT_EQ(client->message().find("alice"), std::string::npos) << client->message();
  EXPECT_EQ(partial_files().size(), 2U) << "what is good may serve when the disk is well again";
}

TEST_F(ChunkedLoad, ABigFileInOnePieceGetsItsManifest) {
  const std::string big = sample_bytes(20'000'000 + 64, 3);
  FakeNode& node = network.add("alice");
  const Sha1 sha1 = node.add(big);
  node.script = [](const FileKey&, std::string right) {
    StreamScript script(std::move(right));
    script.piece_size = 512u << 10;
    return script;
  };
  auto client = load(FileKey{sha1, std::nullopt, std::nullopt});
  run(*client);
  expect_loaded(*client, big);
  const std::string text = manifest_for(big, 20'000'000).text();
  EXPECT_EQ(testing::slurp(store.path_of(sha1_of(text))), text);
}

}  // namespace
}  // namespace kachery
