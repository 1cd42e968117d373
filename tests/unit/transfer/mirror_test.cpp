#include "transfer/mirror.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "support/virtual_scheduler.h"

namespace kachery {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

std::string digits(char digit) {
  return std::string(40, digit);
}
std::string uri(char digit) {
  return "sha1://" + digits(digit);
}

struct ScriptedMediator final : Mirror::Mediator {
  Scheduler& scheduler() override { return clock; }
  const Pace& pace() override { return normal; }
  bool is_local(const FileKey& key) override { return local.contains(key.sha1.hex()); }
  Result<std::string> read(const FileKey& key, std::uint64_t) override {
    const auto found = local.find(key.sha1.hex());
    if (found == local.end()) return fail(Errc::not_found, "not here");
    return found->second;
  }
  std::unique_ptr<Loader::Watcher> load(const FileKey& key, std::function<void(Status)> done) override {
    const std::string name = key.sha1.hex().substr(0, 1);
    asked.push_back(name);
    loads[name] = std::move(done);
    struct Handle final : Loader::Watcher {
      explicit Handle(std::function<void()> on_end) : end(std::move(on_end)) {}
      ~Handle() override { end(); }
      std::function<void()> end;
    };
    return std::make_unique<Handle>([this, name] { loads.erase(name); });
  }

  // Ends a load, as the network would.
  void arrive(char digit, std::string content) {
    local[digits(digit)] = std::move(content);
    loads.at(std::string(1, digit))(Status());
    clock.settle();
  }
  void break_off(char digit) {
    loads.at(std::string(1, digit))(fail(Errc::not_found, "nobody has it"));
    clock.settle();
  }
  std::vector<std::string> take_asked() { return std::exchange(asked, {}); }

  kachery::testing::VirtualScheduler clock;
  Pace normal;
  std::map<std::string, std::string> local;  // content by hash
  std::map<std::string, std::function<void(Status)>> loads;
  std::vector<std::string> asked;  // first digits
};

TEST(UrisIn, FindsThemAtAnyDepthOnceAndInOrder) {
  const auto json =
      Json::parse("{\"x\":[\"" + uri('b') + "\",{\"y\":\"" + uri('a') + "/name\"},\"" + uri('b') +
                  "\"],\"z\":\"" + uri('c') + "\",\"n\":1,\"t\":\"see " + uri('d') + "\"}");
  ASSERT_TRUE(json);
  std::vector<std::string> found;
  for (const FileKey& key : uris_in(*json, 100)) found.push_back(key.sha1.hex().substr(0, 1));
  EXPECT_THAT(found, ElementsAre("b", "a", "c"));
}

TEST(UrisIn, LeavesOutWhatIsNoUriAndStopsAtTheLimit) {
  const auto json = Json::parse("[\"sha1://123\",\"sha1://\",\"sha1://" + digits('g') + "\",\"" + uri('1') +
                                "\",\"" + uri('2') + "\",\"" + uri('3') + "\"]");
  ASSERT_TRUE(json);
  EXPECT_EQ(uris_in(*json, 2).size(), 2u);
  EXPECT_EQ(uris_in(*json, 9).size(), 3u);
  EXPECT_THAT(uris_in(Json(uri('1')), 9), ::testing::SizeIs(1));
}

TEST(UrisIn, KeepsTheManifest) {
  const auto keys = uris_in(Json(uri('1') + "?manifest=" + digits('2')), 1);
  ASSERT_EQ(keys.size(), 1u);
  ASSERT_TRUE(keys[0].manifest);
  EXPECT_EQ(keys[0].manifest->hex(), digits('2'));
}

TEST(Mirror, LoadsTheSourceThenItsMissingFiles) {
  ScriptedMediator network;
  network.local[digits('b')] = "here already";
  Mirror mirror(network);
  mirror.set_sources({{uri('5'), "source"}});
  EXPECT_THAT(network.take_asked(), IsEmpty());
  network.clock.advance(seconds(10));
  EXPECT_THAT(network.take_asked(), ElementsAre("5"));

  network.arrive('5', "[\"" + uri('a') + "\",\"" + uri('b') + "\",\"" + uri('c') + "\"]");
  network.clock.advance(seconds(1));
  EXPECT_THAT(network.take_asked(), ElementsAre("a", "c"));
  network.arrive('a', "a");
  network.arrive('c', "c");
  network.clock.advance(minutes(10));
  EXPECT_THAT(network.take_asked(), IsEmpty());
  EXPECT_EQ(mirror.loading(), 0u);
}

TEST(Mirror, LoadsTwoAtATime) {
  ScriptedMediator network;
  network.local[digits('5')] =
      "[\"" + uri('a') + "\",\"" + uri('b') + "\",\"" + uri('c') + "\",\"" + uri('d') + "\"]";
  Mirror mirror(network);
  mirror.set_sources({{uri('5'), {}}});
  network.clock.advance(minutes(1));
  EXPECT_THAT(network.take_asked(), ElementsAre("a", "b"));
  network.arrive('b', "b");
  network.clock.advance(seconds(1));
  EXPECT_THAT(network.take_asked(), ElementsAre("c"));
}

TEST(Mirror, TriesAgainInTheNextRoundNotSooner) {
  ScriptedMediator network;
  network.local[digits('5')] = "[\"" + uri('a') + "\"]";
  Mirror mirror(network);
  mirror.set_sources({{uri('5'), {}}});
  network.clock.advance(seconds(10));
  EXPECT_THAT(network.take_asked(), ElementsAre("a"));
  network.break_off('a');
  network.clock.advance(minutes(2));
  EXPECT_THAT(network.take_asked(), IsEmpty());
  network.clock.advance(minutes(1));
  EXPECT_THAT(network.take_asked(), ElementsAre("a"));
}

TEST(Mirror, LoadsAgainWhatWentMissing) {
  ScriptedMediator network;
  network.local[digits('5')] = "[\"" + uri('a') + "\"]";
  network.local[digits('a')] = "a";
  Mirror mirror(network);
  mirror.set_sources({{uri('5'), {}}});
  network.clock.advance(minutes(1));
  EXPECT_THAT(network.take_asked(), IsEmpty());
  network.local.erase(digits('a'));
  network.clock.advance(minutes(3));
  EXPECT_THAT(network.take_asked(), ElementsAre("a"));
}

TEST(Mirror, LivesWithBadSources) {
  ScriptedMediator network;
  network.local[digits('5')] = "no json";
  network.local[digits('6')] = "[\"" + uri('a') + "\"]";
  Mirror mirror(network);
  mirror.set_sources({{"https://example.org/x.json", {}}, {uri('5'), {}}, {uri('6'), {}}});
  network.clock.advance(minutes(1));
  EXPECT_THAT(network.take_asked(), ElementsAre("a"));
}

TEST(Mirror, GoesThroughALongListInSlices) {
  ScriptedMediator network;
  std::string list = "[\"";
  for (int i = 0; i < 500; ++i) {
    const std::string sha1 = fmt::format("{:040x}", i);
    network.local[sha1] = "here";
    list += "sha1://" + sha1 + "\",\"";
  }
  network.local[digits('5')] = list + uri('a') + "\"]";
  Mirror mirror(network);
  mirror.set_sources({{uri('5'), {}}});
  network.clock.advance(milliseconds(5'050));
  EXPECT_THAT(network.take_asked(), IsEmpty());
  network.clock.advance(seconds(1));
  EXPECT_THAT(network.take_asked(), ElementsAre("a"));
}

TEST(Mirror, WithoutSourcesDoesNothing) {
  ScriptedMediator network;
  network.local[digits('5')] = "[\"" + uri('a') + "\"]";
  Mirror mirror(network);
  mirror.set_sources({{uri('5'), {}}});
  network.clock.advance(seconds(10));
  mirror.set_sources({});
  network.break_off('a');
  EXPECT_THAT(network.take_asked(), ElementsAre("a"));
  network.clock.advance(minutes(10));
  EXPECT_THAT(network.take_asked(), IsEmpty());
  EXPECT_EQ(network.clock.timers(), 0u);
}

}  // namespace
}  // namespace kachery
