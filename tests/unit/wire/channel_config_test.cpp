#include "wire/channel_config.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "unit/wire/vectors.h"

namespace kachery {
namespace {

using testing::with;
using testing::without;

const std::string node_a(64, 'a');
const std::string node_b(64, 'b');

Json good_config() {
  return Json::object(
      {{"channelLabel", "my-channel"},
       {"bootstrapAddresses", Json::array({Json::object({{"hostName", "203.0.113.5"}, {"port", 14507}}),
                                           Json::object({{"url", "https://b.example.org/base"}})})},
       {"authorizedNodes",
        Json::array({Json::object({{"nodeId", node_a}, {"nodeLabel", "alice"}, {"note", "extra field"}}),
                     Json::object({{"nodeId", node_b},
                                   {"nodeLabel", "bob"},
                                   {"isAdmin", true},
                                   {"isMessageProxy", true},
                                   {"isDataProxy", true},
                                   {"isPublic", true}})})},
       {"comment", "extra field"}});
}

// The message of the refusal; empty if it was accepted.
std::string refusal(const Json& json) {
  const auto config = ChannelConfig::from_json(json);
  return config ? "" : config.error().message;
}

TEST(ChannelConfig, Reads) {
  const auto config = ChannelConfig::from_json(good_config());
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->channel_label, "my-channel");
  ASSERT_EQ(config->bootstrap_addresses.size(), 2U);
  EXPECT_EQ(config->bootstrap_addresses[0].base_url(), "http://203.0.113.5:14507");
  ASSERT_EQ(config->authorized_nodes.size(), 2U);
  const AuthorizedNode* alice = config->find(*NodeId::parse(node_a));
  ASSERT_NE(alice, nullptr);
  EXPECT_EQ(alice->node_label, "alice");
  EXPECT_FALSE(alice->is_admin || alice->is_message_proxy || alice->is_data_proxy || alice->is_public);
  const AuthorizedNode* bob = config->find(*NodeId::parse(node_b));
  ASSERT_NE(bob, nullptr);
  EXPECT_TRUE(bob->is_admin && bob->is_message_proxy && bob->is_data_proxy && bob->is_public);
  EXPECT_EQ(config->find(NodeId{}), nullptr);
}

TEST(ChannelConfig, ErrorsNameFieldAndItem) {
  const Json good = good_config();
  for (const char* name : {"channelLabel", "bootstrapAddresses", "authorizedNodes"}) {
    EXPECT_NE(refusal(without(good, name)).find(name), std::string::npos) << refusal(without(good, name));
    EXPECT_NE(refusal(with(good, name, 5)).find(name), std::string::npos) << refusal(with(good, name, 5));
    EXPECT_NE(refusal(with(good, name, nullptr)), "") << name;
  }
  EXPECT_NE(refusal(with(good, "channelLabel", "abc")).find("channelLabel"), std::string::npos);

  const Json nodes = good["authorizedNodes"];
  const std::pair<const char*, Json> bad_nodes[] = {
      {"nodeId", "123"}, {"nodeId", 7}, {"nodeLabel", "two words"}, {"isAdmin", "yes"}, {"isPublic", 1}};
  for (const auto& [name, value] : bad_nodes) {
    const Json json = with(good, "authorizedNodes",
                           Json::array({nodes[std::size_t{0}], with(nodes[std::size_t{1}], name, value)}));
    EXPECT_NE(refusal(json).find("authorizedNodes[1]"), std::string::npos) << refusal(json);
    EXPECT_NE(refusal(json).find(name), std::string::npos) << refusal(json);
  }
  const Json address =
      with(good, "bootstrapAddresses", Json::array({Json::object({{"hostName", "h"}, {"port", 70000}})}));
  EXPECT_NE(refusal(address).find("bootstrapAddresses[0]"), std::string::npos) << refusal(address);
  EXPECT_NE(refusal(address).find("port"), std::string::npos) << refusal(address);
  EXPECT_NE(refusal(Json("just text")), "");
  EXPECT_NE(refusal(Json(nullptr)), "");
}

TEST(ChannelConfig, IsBounded) {
  Json addresses = Json::array();
  for (std::size_t i = 0; i <= limits::bootstraps; ++i) addresses.push(Json::object({{"url", "http://a"}}));
  EXPECT_NE(refusal(with(good_config(), "bootstrapAddresses", addresses)), "");
  Json nodes = Json::array();
  for (std::size_t i = 0; i <= limits::authorized_nodes; ++i) {
    nodes.push(Json::object({{"nodeId", node_a}, {"nodeLabel", "a"}}));
  }
  EXPECT_NE(refusal(with(good_config(), "authorizedNodes", nodes)), "");
}

TEST(JoinedChannels, KeepWhatTheyDoNotKnow) {
  const char* text =
      R"({"joinedChannels":[{"channelConfigUrl":"http://a/c.yaml","isPublic":true,"since":[1,2]},)"
      R"({"channelConfigUrl":"http://b/c.yaml","isDataProxy":false}]})";
  auto channels = joined_channels_from_json(Json::parse(text).value());
  ASSERT_TRUE(channels) << channels.error().message;
  ASSERT_EQ(channels->size(), 2U);
  EXPECT_TRUE((*channels)[0].is_public);
  EXPECT_FALSE((*channels)[0].is_message_proxy);
  EXPECT_EQ(to_json(*channels).text(), text);

  (*channels)[1].is_data_proxy = true;
  (*channels)[0].is_public = false;
  EXPECT_EQ(to_json(*channels).text(),
            R"({"joinedChannels":[{"channelConfigUrl":"http://a/c.yaml","isPublic":false,"since":[1,2]},)"
            R"({"channelConfigUrl":"http://b/c.yaml","isDataProxy":true}]})");
}

TEST(JoinedChannels, ANewOneNeedsNoRaw) {
  JoinedChannel channel;
  channel.channel_config_url = "http://a/c.yaml";
  channel.is_message_proxy = true;
  EXPECT_EQ(to_json(std::vector{channel}).text(),
            R"({"joinedChannels":[{"channelConfigUrl":"http://a/c.yaml","isMessageProxy":true}]})");
}

TEST(JoinedChannels, AreChecked) {
  for (const char* text : {"null", "{}", R"({"joinedChannels":{}})", R"({"joinedChannels":[1]})",
                           R"({"joinedChannels":[{}]})", R"({"joinedChannels":[{"channelConfigUrl":"x"}]})",
                           R"({"joinedChannels":[{"channelConfigUrl":"http://x","isPublic":"no"}]})"}) {
    EXPECT_FALSE(joined_channels_from_json(Json::parse(text).value())) << text;
  }
  Json many = Json::array();
  for (std::size_t i = 0; i <= limits::channels; ++i) {
    many.push(Json::object({{"channelConfigUrl", "http://a"}}));
  }
  EXPECT_FALSE(joined_channels_from_json(Json::object({{"joinedChannels", many}})));
}

TEST(StaticConfig, Reads) {
  const auto config = StaticConfig::from_json(
      Json::parse(R"({"joinedChannels":[{"channelConfigUrl":"http://a","isMessageProxy":true}],
                      "mirrorSources":[{"uri":"sha1://x","label":"l"},{"uri":"sha1://y"}],"more":1})")
          .value());
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_TRUE(config->joined_channels.at(0).is_message_proxy);
  ASSERT_EQ(config->mirror_sources.size(), 2U);
  EXPECT_EQ(config->mirror_sources[0].label, "l");
  EXPECT_EQ(config->mirror_sources[1].label, std::nullopt);
}

TEST(StaticConfig, MayLackEitherList) {
  const auto config = StaticConfig::from_json(Json::parse(R"({"mirrorSources":null})").value());
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_TRUE(config->joined_channels.empty());
  EXPECT_TRUE(config->mirror_sources.empty());
}

TEST(StaticConfig, ErrorsNameFieldAndItem) {
  const std::pair<const char*, const char*> bad[] = {
      {R"({"joinedChannels":"x"})", "joinedChannels"},
      {R"({"joinedChannels":[{"channelConfigUrl":"http://a"},{"channelConfigUrl":3}]})", "joinedChannels[1]"},
      {R"({"mirrorSources":[{"uri":5}]})", "mirrorSources[0]"},
      {R"({"mirrorSources":[{"uri":"sha1://x","label":5}]})", "label"},
      {R"([])", "static configuration"},
  };
  for (const auto& [text, name] : bad) {
    const auto config = StaticConfig::from_json(Json::parse(text).value());
    ASSERT_FALSE(config) << text;
    EXPECT_NE(config.error().message.find(name), std::string::npos) << config.error().message;
  }
}

}  // namespace
}  // namespace kachery
