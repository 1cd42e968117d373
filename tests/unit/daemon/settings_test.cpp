#include "daemon/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kachery::daemon {
namespace {

using ::testing::ElementsAre;

Json channels(std::string_view url) {
  return Json::object(
      {{"joinedChannels", Json::array({Json::object({{"channelConfigUrl", url}, {"isPublic", true}})})}});
}

class SettingsTest : public ::testing::Test {
 protected:
  Settings make(bool channels_are_static) {
    return Settings({[this](std::vector<JoinedChannel> joined) {
                       joins.emplace_back();
                       for (const auto& channel : joined) joins.back().push_back(channel.channel_config_url);
                     },
                     [this](std::vector<std::string> codes) { accepted.push_back(std::move(codes)); }},
                    channels_are_static);
  }
  const Json channels_key{joined_channels_key};
  const Json codes_key{other_client_codes_key};
  std::vector<std::vector<std::string>> joins;
  std::vector<std::vector<std::string>> accepted;
};

TEST_F(SettingsTest, ChecksOurKeysOnly) {
  const Settings settings = make(false);
  EXPECT_TRUE(settings.check(channels_key, channels("https://example.org/c.yaml")));
  EXPECT_FALSE(settings.check(channels_key, channels("example.org")));
  EXPECT_FALSE(settings.check(channels_key, Json::array()));
  EXPECT_FALSE(settings.check(channels_key, Json()));
  EXPECT_TRUE(settings.check(codes_key, Json::array({"a"})));
  EXPECT_FALSE(settings.check(codes_key, Json("a")));
  EXPECT_TRUE(settings.check(Json("something else"), Json("a")));
  EXPECT_TRUE(settings.check(Json::object({{"type", "feedConfig"}}), Json(5)));
}

TEST_F(SettingsTest, AppliesChannelsAtOnceAndLeavesThemWhenDeleted) {
  Settings settings = make(false);
  settings.apply(channels_key, channels("https://example.org/c.yaml"));
  settings.apply(channels_key, std::nullopt);
  EXPECT_THAT(joins, ElementsAre(ElementsAre("https://example.org/c.yaml"), ElementsAre()));
}

TEST_F(SettingsTest, KeepsTheChannelsWhenTheStoredValueIsWrong) {
  Settings settings = make(false);
  settings.apply(channels_key, Json("nonsense"));
  EXPECT_TRUE(joins.empty());
}

TEST_F(SettingsTest, DoesNotTouchStaticChannels) {
  Settings settings = make(true);
  settings.apply(channels_key, channels("https://example.org/c.yaml"));
  settings.apply(channels_key, std::nullopt);
  EXPECT_TRUE(joins.empty());
  EXPECT_TRUE(settings.check(channels_key, channels("https://example.org/c.yaml")));
}

TEST_F(SettingsTest, AppliesCodes) {
  Settings settings = make(true);
  settings.apply(codes_key, Json::array({"a", "b"}));
  settings.apply(codes_key, Json(1));
  settings.apply(codes_key, std::nullopt);
  settings.apply(Json("other"), Json::array({"c"}));
  EXPECT_THAT(accepted, ElementsAre(ElementsAre("a", "b"), ElementsAre()));
}

}  // namespace
}  // namespace kachery::daemon
