#include "daemon/static_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "daemon/small_file.h"
#include "support/virtual_scheduler.h"

namespace kachery::daemon {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* good =
    "joinedChannels:\n- channelConfigUrl: https://example.org/a.yaml\nmirrorSources:\n- uri: sha1://x\n";
constexpr const char* other = "joinedChannels:\n- channelConfigUrl: https://example.org/b.yaml\n";

// Answers when the test says so.
struct ScriptedHttp final : HttpClient {
  struct Call final : HttpCall {
    void pause(bool) override {}
  };
  HttpCallPtr fetch(HttpRequest request, Done done) override {
    urls.push_back(request.url);
    pending = std::move(done);
    return std::make_unique<Call>();
  }
  HttpCallPtr stream(HttpRequest, Stream) override { return nullptr; }
  std::uint64_t bytes_sent() const override { return 0; }
  std::uint64_t bytes_received() const override { return 0; }

  void answer(int status, std::string body) {
    HttpResponse response;
    response.status = status;
    response.body = std::move(body);
    std::exchange(pending, {})(std::move(response));
  }
  std::vector<std::string> urls;
  Done pending;
};

class StaticConfigTest : public ::testing::Test {
 protected:
  StaticConfigSource source(std::string where) {
    return StaticConfigSource(clock, Pace(), http, std::move(where), [this](const StaticConfig& config) {
      applied.push_back(config.joined_channels.empty() ? "none"
                                                       : config.joined_channels[0].channel_config_url);
      mirrors = config.mirror_sources.size();
    });
  }
  kachery::testing::VirtualScheduler clock;
  ScriptedHttp http;
  std::vector<std::string> applied;
  std::size_t mirrors = 0;
};

class StaticConfigFileTest : public StaticConfigTest {
 protected:
  StaticConfigFileTest() {
    std::string name = (std::filesystem::temp_directory_path() / "kachery-static-XXXXXX").string();
    directory = ::mkdtemp(name.data());
    path = directory + "/static.yaml";
  }
  ~StaticConfigFileTest() override { std::filesystem::remove_all(directory); }
  void write(const std::string& text) { ASSERT_TRUE(replace_file(path, text, 0644, {})); }
  std::string directory;
  std::string path;
};

TEST_F(StaticConfigFileTest, IsAppliedAtTheStart) {
  write(good);
  auto config = source(path);
  EXPECT_TRUE(config.start());
  EXPECT_THAT(applied, ElementsAre("https://example.org/a.yaml"));
  EXPECT_EQ(mirrors, 1u);
}

TEST_F(StaticConfigFileTest, FailsTheStartWithTheReason) {
  auto config = source(path);
  const Status missing = config.start();
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, HasSubstr(path));
  write("joinedChannels: [");
  EXPECT_FALSE(config.start());
  write("joinedChannels: 5\n");
  const Status wrong = config.start();
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message, HasSubstr("joinedChannels"));
  EXPECT_TRUE(applied.empty());
}

TEST_F(StaticConfigFileTest, IsReadAgainWhenAskedAndKeptWhenItWentBad) {
  write(good);
  auto config = source(path);
  ASSERT_TRUE(config.start());
  write("a: b: c");
  config.reload();
  write(other);
  config.reload();
  config.reload();
  EXPECT_THAT(applied, ElementsAre("https://example.org/a.yaml", "https://example.org/b.yaml"));
}

TEST_F(StaticConfigTest, FetchesAUrlAgainEveryThreeMinutes) {
  auto config = source("https://example.org/static.yaml");
  ASSERT_TRUE(config.start());
  EXPECT_TRUE(applied.empty());
  http.answer(200, good);
  clock.advance(minutes(3));
  EXPECT_THAT(http.urls, ::testing::SizeIs(2));
  http.answer(200, good);
  clock.advance(minutes(3));
  http.answer(200, other);
  EXPECT_THAT(applied, ElementsAre("https://example.org/a.yaml", "https://example.org/b.yaml"));
}

TEST_F(StaticConfigTest, KeepsTheOldOneWhileTheUrlFailsAndTriesSooner) {
  auto config = source("http://example.org/static.yaml");
  ASSERT_TRUE(config.start());
  http.answer(200, good);
  clock.advance(minutes(3));
  http.answer(500, "oops");
  clock.advance(seconds(15));
  http.answer(200, "[");
  clock.advance(seconds(15));
  http.pending(fail(Errc::unreachable, "no connection"));
  clock.advance(seconds(15));
  EXPECT_THAT(http.urls, ::testing::SizeIs(5));
  EXPECT_THAT(applied, ElementsAre("https://example.org/a.yaml"));
  http.answer(200, other);
  EXPECT_THAT(applied, ElementsAre("https://example.org/a.yaml", "https://example.org/b.yaml"));
}

}  // namespace
}  // namespace kachery::daemon
