// Loads in one piece: where the file comes from, how providers misbehave, and what the client is told.
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

class Load : public Rig {
 protected:
  const std::string bytes = sample_bytes(200'000);
  const FileKey key{sha1_of(bytes), std::nullopt, std::nullopt};
};

TEST_F(Load, ALocalFileIsAnsweredAtOnceAndAsksNobody) {
  FakeNode& node = network.add("a");
  node.add(bytes);
  ASSERT_TRUE(store_bytes(store, bytes));
  auto client = load(key);
  clock.settle();
  ASSERT_TRUE(client->result);
  expect_loaded(*client, bytes);
  EXPECT_TRUE(node.checks.empty());
  EXPECT_EQ(loader->active(), 0U);
}

TEST_F(Load, TheEmptyFileIsMadeHere) {
  FakeNode& node = network.add("a");
  auto client = load(FileKey{sha1_of(""), std::nullopt, std::nullopt});
  run(*client);
  expect_loaded(*client, "");
  EXPECT_TRUE(node.checks.empty());
}

TEST_F(Load, FromTheOneWhoHasIt) {
  network.add("without");
  FakeNode& node = network.add("with");
  node.add(bytes);
  auto client = load(key);
  run(*client);
  expect_loaded(*client, bytes);
  ASSERT_FALSE(client->progress.empty());
  EXPECT_EQ(client->progress.back().bytes_loaded, bytes.size());
  EXPECT_EQ(client->progress.back().bytes_total, bytes.size());
  EXPECT_EQ(client->progress.back().node, node.id);
  EXPECT_EQ(loader->active(), 0U);
  EXPECT_EQ(clock.timers(), 0U);
}

TEST_F(Load, DoesNotWaitForTheSlowestAnswer) {
  FakeNode& silent = network.add("silent");
  silent.manner = FakeNode::Manner::silent;
  network.add("with").add(bytes);
  auto client = load(key);
  run(*client);
  expect_loaded(*client, bytes);
  EXPECT_LT(clock.monotonic(), seconds(1));
}

TEST_F(Load, ALateOfferStillCounts) {
  FakeNode& late = network.add("late");
  late.add(bytes);
  late.latency = milliseconds(3'500);
  network.add("without");
  auto client = load(key);
  run(*client);
  expect_loaded(*client, bytes);
}

// ---- who could not deliver, and what is said

struct Misbehaviour {
  std::string name;
  std::function<void(FakeNode&)> arrange;
  Errc code;
  std::string message;
};

std::function<void(FakeNode&)> sends(std::function<void(StreamScript&)> change) {
  return [change](FakeNode& node) {
    node.script = [change](const FileKey&, std::string right) {
      StreamScript script(std::move(right));
      change(script);
      return script;
    };
  };
}

const std::vector<Misbehaviour>& misbehaviours() {
  static const std::vector<Misbehaviour> all = {
      {"WrongBytes", sends([](StreamScript& s) { s.bytes[1000] ^= 1; }), Errc::damaged,
       "does not match its hash"},
      {"ShortUnannounced", sends([](StreamScript& s) {
         s.announce_nothing = true;
         s.bytes.resize(s.bytes.size() / 2);
       }),
       Errc::damaged, "sent only 100000 of 200000 bytes"},
      {"ShortAnnounced", sends([](StreamScript& s) { s.bytes.resize(s.bytes.size() / 2); }), Errc::damaged,
       "announced 100000 bytes where 200000 were asked for"},
      {"ShorterThanAnnounced", sends([](StreamScript& s) {
         s.announced = s.bytes.size();
         s.bytes.resize(s.bytes.size() / 2);
       }),
       Errc::unreachable, "ended before all bytes came"},
      {"Long", sends([](StreamScript& s) {
         s.announced = s.bytes.size();
         s.bytes += "more";
       }),
       Errc::damaged, "sent more than"},
      {"LongAnnounced", sends([](StreamScript& s) { s.bytes += "more"; }), Errc::damaged, "announced"},
      {"Endless", sends([](StreamScript& s) {
         s.announce_nothing = true;
         s.endless = true;
       }),
       Errc::damaged, "sent more than"},
      {"Empty", sends([](StreamScript& s) { s.bytes.clear(); }), Errc::damaged, "announced 0 bytes"},
      {"Stalls", sends([](StreamScript& s) {
         s.announced = s.bytes.size();
         s.bytes.resize(s.bytes.size() / 2);
         s.end = StreamScript::End::stall;
       }),
       Errc::stalled, "sent nothing"},
      {"Disappears", sends([](StreamScript& s) {
         s.announced = s.bytes.size();
         s.bytes.resize(s.bytes.size() / 2);
         s.end = StreamScript::End::breaks;
       }),
       Errc::unreachable, "the connection broke"},
      {"RefusesTheStream", sends([](StreamScript& s) { s.end = StreamScript::End::refused; }), Errc::refused,
       "HTTP status 404"},
      {"Refuses", [](FakeNode& node) { node.refusal = "not\ntoday"; }, Errc::refused, "not\\ntoday"},
      {"OffersWhatItHasNot", [](FakeNode& node) { node.claimed_size = 123; }, Errc::damaged, "announced"},
      {"OffersNothing", [](FakeNode& node) { node.claimed_size = 0; }, Errc::not_found, "asked 1"},
  };
  return all;
}

class Provider : public Load, public ::testing::WithParamInterface<Misbehaviour> {};

TEST_P(Provider, AloneMakesTheLoadFailAndIsNamed) {
  FakeNode& bad = network.add("mallory");
  bad.add(bytes);
  GetParam().arrange(bad);
  auto client = load(key);
  run(*client);
  ASSERT_FALSE(*client->result);
  EXPECT_EQ(client->code(), GetParam().code) << client->message();
  EXPECT_THAT(client->message(), HasSubstr(GetParam().message));
  const bool named = client->message().find("mallory") != std::string::npos;
  EXPECT_EQ(named, GetParam().code != Errc::not_found) << client->message();
  EXPECT_TRUE(partial_files().empty()) << "nothing worth keeping";
  EXPECT_FALSE(std::filesystem::exists(store.path_of(key.sha1)));
  EXPECT_EQ(loader->active(), 0U);
  EXPECT_EQ(clock.timers(), 0U);
}

TEST_P(Provider, IsReplacedByAnotherOne) {
  FakeNode& bad = network.add("mallory");
  bad.add(bytes);
  GetParam().arrange(bad);
  FakeNode& good = network.add("alice");
  good.add(bytes);
  good.latency = milliseconds(20);  // so that mallory is tried first
  auto client = load(key);
  run(*client);
  expect_loaded(*client, bytes);
  EXPECT_EQ(client->progress.back().node, good.id);
}

TEST_P(Provider, GetsALimitedNumberOfBytesThrough) {
  FakeNode& bad = network.add("mallory");
  bad.add(bytes);
  GetParam().arrange(bad);
  auto client = load(key);
  run(*client);
  EXPECT_LE(bad.bytes_sent, 9 * (bytes.size() + (16U << 10)));
  EXPECT_EQ(bad.streams_open, 0U);
}

INSTANTIATE_TEST_SUITE_P(Bad, Provider, ::testing::ValuesIn(misbehaviours()),
                         [](const auto& bad) { return bad.param.name; });

TEST_F(Load, WhoSentDamagedDataIsAskedNoMore) {
  FakeNode& bad = network.add("mallory");
  bad.add(bytes);
  sends([](StreamScript& s) { s.bytes[0] ^= 1; })(bad);
  auto client = load(key);
  run(*client);
  EXPECT_EQ(bad.downloads.size(), 1U);
  EXPECT_EQ(bad.checks.size(), 3U) << "the nodes are asked again whether somebody else has it";
}

TEST_F(Load, AProviderThatComesBackIsUsed) {
  FakeNode& node = network.add("alice");
  node.add(bytes);
  int streams = 0;
  node.script = [&streams](const FileKey&, std::string right) {
    StreamScript script(std::move(right));
    if (++streams == 1) {
      script.announced = script.bytes.size();
      script.bytes.resize(10);
      script.end = StreamScript::End::stall;
    }
    return script;
  };
  auto client = load(key);
  run(*client);
  expect_loaded(*client, bytes);
  EXPECT_EQ(streams, 2);
}

TEST_F(Load, ACrawlingProviderIsGivenUpForAnother) {
  FakeNode& slow = network.add("snail");
  slow.add(bytes);
  sends([](StreamScript& s) {
    s.piece_size = 1;
    s.piece_interval = seconds(20);
  })(slow);
  FakeNode& good = network.add("alice");
  good.add(bytes);
  good.latency = milliseconds(50);
  auto client = load(key);
  run(*client);
  expect_loaded(*client, bytes);
  EXPECT_LE(clock.monotonic(), seconds(60));
}

TEST_F(Load, AProviderThatIsSilentAfterItsOffer) {
  FakeNode& node = network.add("alice");
  node.add(bytes);
  network.override_answer = [&](const NodeId&, const RequestData& data) -> std::optional<ResponseData> {
    if (std::holds_alternative<CheckForFileRequest>(data)) node.manner = FakeNode::Manner::silent;
    return std::nullopt;
  };
  auto client = load(key);
  run(*client);
  EXPECT_EQ(client->code(), Errc::unreachable) << client->message();
  EXPECT_LE(clock.monotonic(), seconds(30));
}

TEST_F(Load, NobodyHasIt) {
  network.add("a");
  network.add("b");
  network.add("c").manner = FakeNode::Manner::silent;
  auto client = load(key);
  run(*client);
  EXPECT_EQ(client->code(), Errc::not_found);
  EXPECT_EQ(client->message(), "no node of your channels has this file (asked 3, 1 did not answer)");
  EXPECT_EQ(clock.monotonic(), milliseconds(4'000)) << "only after all had their time";
}

TEST_F(Load, NobodyIsThere) {
  auto client = load(key);
  run(*client);
  EXPECT_EQ(client->code(), Errc::not_found);
  EXPECT_THAT(client->message(), HasSubstr("no other node"));
}

TEST_F(Load, AllAnswerThatTheyHaveItNot) {
  network.add("a");
  auto client = load(key);
  run(*client);
  EXPECT_EQ(client->message(), "no node of your channels has this file (asked 1)");
  EXPECT_LT(clock.monotonic(), milliseconds(100));
}

TEST_F(Load, AProviderThatCannotBeReachedAfterItsOffer) {
  FakeNode& node = network.add("alice");
  node.add(bytes);
  network.override_answer = [&](const NodeId&, const RequestData& data) -> std::optional<ResponseData> {
    if (std::holds_alternative<CheckForFileRequest>(data)) node.manner = FakeNode::Manner::unreachable;
    return std::nullopt;
  };
  auto client = load(key);
  run(*client);
  EXPECT_EQ(client->code(), Errc::unreachable);
  EXPECT_THAT(client->message(), HasSubstr("alice: connection refused"));
}

TEST_F(Load, AnswersOfAnotherTypeOrForAnotherFile) {
  FakeNode& node = network.add("mallory");
  node.add(bytes);
  bool other_type = true;
  network.override_answer = [&](const NodeId&, const RequestData& data) -> std::optional<ResponseData> {
    if (!std::holds_alternative<DownloadFileDataRequest>(data)) return std::nullopt;
    if (other_type) return CheckAliveResponse{};
    DownloadFileDataResponse response;
    response.file_key.sha1 = sha1_of("another");
    response.end = bytes.size();
    response.success = true;
    response.stream_id = StreamId::random();
    return response;
  };
  auto client = load(key);
  run(*client);
  EXPECT_EQ(client->code(), Errc::damaged) << client->message();
  other_type = false;
  client = load(key);
  run(*client);
  EXPECT_EQ(client->code(), Errc::damaged) << client->message();
  EXPECT_THAT(client->message(), HasSubstr("another file"));
}

TEST_F(Load, LiesAboutTheSizeAreOvercomeByTheTrueSize) {
  FakeNode& liar = network.add("mallory");
  liar.add(bytes);
  liar.claimed_size = std::uint64_t{1} << 52;  // no disk has room for it
  FakeNode& good = network.add("alice");
  good.add(bytes);
  good.latency = milliseconds(50);
  auto client = load(key);
  run(*client);
  expect_loaded(*client, bytes);
}

TEST_F(Load, AFileTooBigForTheDiskSaysSo) {
  FakeNode& node = network.add("alice");
  node.add(bytes);
  node.claimed_size = std::uint64_t{1} << 52;
  auto client = load(key);
  run(*client);
  EXPECT_EQ(client->code(), Errc::no_space) << client->message();
  EXPECT_TRUE(partial_files().empty());
}

// ---- from one node only

TEST_F(Load, FromOneNodeAsksNobodyElseAndSendsNoCheckForFile) {
  FakeNode& alice = network.add("alice");
  FakeNode& bob = network.add("bob");
  alice.add(bytes);
  bob.add(bytes);
  auto client = load(key, bob.id);
  run(*client);
  expect_loaded(*client, bytes);
  EXPECT_TRUE(alice.checks.empty() && alice.downloads.empty() && bob.checks.empty());
}

TEST_F(Load, FromOneNodeThatHasItNot) {
  FakeNode& alice = network.add("alice");
  network.add("bob").add(bytes);
  auto client = load(key, alice.id);
  run(*client);
  EXPECT_EQ(client->code(), Errc::not_found);
  EXPECT_EQ(client->message(), "node alice does not have this file");
}

TEST_F(Load, FromOneNodeThatCannotBeReachedOrRefuses) {
  FakeNode& alice = network.add("alice");
  alice.add(bytes);
  alice.manner = FakeNode::Manner::unreachable;
  auto client = load(key, alice.id);
  run(*client);
  EXPECT_EQ(client->code(), Errc::unreachable);
  EXPECT_THAT(client->message(), HasSubstr("alice could not be reached: connection refused"));

  alice.manner = FakeNode::Manner::answers;
  alice.refusal = "no";
  client = load(key, alice.id);
  run(*client);
  EXPECT_EQ(client->code(), Errc::refused) << client->message();
}

TEST_F(Load, FromOneNodeWithWhomNothingMayBeExchanged) {
  FakeNode& alice = network.add("alice");
  alice.add(bytes);
  network.not_authorized = {alice.id};
  auto client = load(key, alice.id);
  run(*client);
  EXPECT_EQ(client->code(), Errc::unauthorized);
  EXPECT_TRUE(alice.downloads.empty());
}

// ---- chunks as files of their own

TEST_F(Load, AChunkFromWhoHasTheWholeFile) {
  FakeNode& node = network.add("alice");
  const Sha1 whole = node.add(bytes);
  const std::string part = bytes.substr(1000, 5000);
  const FileKey chunk{sha1_of(part), std::nullopt, ChunkOf{whole, std::nullopt, {1000, 6000}}};
  auto client = load(chunk);
  run(*client);
  expect_loaded(*client, part);
  EXPECT_EQ(node.downloads.back(), chunk);
}

TEST_F(Load, AChunkOfALocalFileIsMadeHere) {
  FakeNode& node = network.add("alice");
  const Sha1 whole = store_bytes(store, bytes).value().sha1;
  const std::string part = bytes.substr(1000, 5000);
  auto client = load(FileKey{sha1_of(part), std::nullopt, ChunkOf{whole, std::nullopt, {1000, 6000}}});
  run(*client);
  expect_loaded(*client, part);
  EXPECT_TRUE(node.checks.empty());

  client = load(FileKey{sha1_of("something else"), std::nullopt, ChunkOf{whole, std::nullopt, {1000, 6000}}});
  run(*client);
  EXPECT_EQ(client->code(), Errc::damaged) << client->message();
}

TEST_F(Load, AChunkOfAnotherSizeIsNotTaken) {
  FakeNode& node = network.add("mallory");
  const std::string part = bytes.substr(1000, 5000);
  node.add(part);
  node.claimed_size = 6000;
  auto client =
      load(FileKey{sha1_of(part), std::nullopt, ChunkOf{sha1_of(bytes), std::nullopt, {1000, 6000}}});
  run(*client);
  EXPECT_EQ(client->code(), Errc::damaged);
  EXPECT_THAT(client->message(), HasSubstr("offers 6000 bytes for a chunk of 5000"));
  EXPECT_TRUE(node.downloads.empty());
}

}  // namespace
}  // namespace kachery
