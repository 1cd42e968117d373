#include "wire/channel_info.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "unit/wire/vectors.h"

namespace kachery {
namespace {

using testing::vector_key;
using testing::vectors;
using testing::with;
using testing::without;

Json first_body() {
  return vectors()["channel_node_info"][std::size_t{0}]["value"]["body"];
}

TEST(ChannelNodeInfo, VectorsAreReadVerifiedAndWrittenIdentically) {
  const Json cases = vectors()["channel_node_info"];
  ASSERT_EQ(cases.size(), 3U);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Json message = cases[i]["value"];
    const auto info = SignedChannelNodeInfo::parse(message);
    ASSERT_EQ(info.has_value(), cases[i]["accepted"].boolean()) << i;
    EXPECT_EQ(canonical_json(info->body.json()), canonical_json(message["body"])) << i;
    EXPECT_EQ(info->raw.text(), message.text());
    const auto again = SignedChannelNodeInfo::sign(vector_key(cases[i]["key"].string()), info->body);
    EXPECT_EQ(canonical_json(again.raw), canonical_json(message)) << i;
  }
}

TEST(ChannelNodeInfo, AbsentFlagsStayAbsent) {
  const Json body = vectors()["channel_node_info"][std::size_t{2}]["value"]["body"];
  const auto info = ChannelNodeInfo::from_json(body).value();
  EXPECT_EQ(info.is_message_proxy, std::nullopt);
  EXPECT_FALSE(info.json().contains("isPublic"));
  EXPECT_EQ(info.web_socket_address, std::nullopt);
  EXPECT_TRUE(info.json().contains("webSocketAddress"));
  ASSERT_EQ(info.data_proxies.size(), 1U);
  EXPECT_EQ(info.data_proxies[0], vector_key("bob").public_key());
}

TEST(ChannelNodeInfo, RefusesWhatIsNotOfTheForm) {
  const Json body = first_body();
  ASSERT_TRUE(ChannelNodeInfo::from_json(body));
  for (const auto& [name, value] : body.members()) {
    EXPECT_EQ(ChannelNodeInfo::from_json(without(body, name)).has_value(),
              name == "isMessageProxy" || name == "isDataProxy" || name == "isPublic")
        << name;
    EXPECT_FALSE(ChannelNodeInfo::from_json(with(body, name, 7.5))) << name;
  }
  const std::pair<const char*, Json> bad[] = {
      {"extra", 1},
      {"nodeId", "ab"},
      {"nodeLabel", "a b"},
      {"channelConfigUrl", "ftp://x"},
      {"httpAddress", Json::object({{"hostName", "x"}})},
      {"timestamp", -1},
      {"timestamp", 1.5},
      {"timestamp", 1e300},
      {"isPublic", nullptr},
      {"messageProxyWebsocketNodeIds", Json::array({"x"})},
      {"messageProxyWebsocketNodeIds", nullptr},
  };
  for (const auto& [name, value] : bad) {
    const auto info = ChannelNodeInfo::from_json(with(body, name, value));
    ASSERT_FALSE(info) << name;
    EXPECT_NE(info.error().message.find(name), std::string::npos) << info.error().message;
  }
}

TEST(ChannelNodeInfo, BoundsTheProxyLists) {
  Json ids = Json::array();
  for (std::size_t i = 0; i < limits::proxies_per_node; ++i) ids.push(NodeId{}.hex());
  EXPECT_TRUE(ChannelNodeInfo::from_json(with(first_body(), "dataProxyWebsocketNodeIds", ids)));
  Json more = Json::array();
  for (std::size_t i = 0; i <= limits::proxies_per_node; ++i) more.push(NodeId{}.hex());
  EXPECT_FALSE(ChannelNodeInfo::from_json(with(first_body(), "dataProxyWebsocketNodeIds", more)));
}

TEST(ChannelNodeInfo, TheNodeItselfMustHaveSigned) {
  const auto info = ChannelNodeInfo::from_json(first_body()).value();
  const auto forged = SignedChannelNodeInfo::sign(vector_key("bob"), info);
  EXPECT_FALSE(SignedChannelNodeInfo::parse(forged.raw));
  EXPECT_TRUE(SignedChannelNodeInfo::parse_unverified(forged.raw));
  const Json message = vectors()["channel_node_info"][std::size_t{0}]["value"];
  EXPECT_FALSE(SignedChannelNodeInfo::parse(
      with(message, "body", with(message["body"], "timestamp", 1637000000001.0))));
  EXPECT_FALSE(SignedChannelNodeInfo::parse_unverified(with(message, "extra", 1)));
  EXPECT_FALSE(SignedChannelNodeInfo::parse_unverified(with(message, "signature", "00")));
  EXPECT_FALSE(SignedChannelNodeInfo::parse_unverified(without(message, "signature")));
  EXPECT_FALSE(SignedChannelNodeInfo::parse_unverified(Json("text")));
}

}  // namespace
}  // namespace kachery
