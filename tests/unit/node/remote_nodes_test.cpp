#include "node/remote_nodes.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "node/replay_guard.h"

namespace kachery {
namespace {

constexpr std::int64_t now = 1'700'000'000'000;

NodeId id_of(std::uint32_t n) {
  std::array<std::uint8_t, 32> bytes{};
  for (std::size_t i = 0; i < 4; ++i) bytes[i] = static_cast<std::uint8_t>(n >> (8 * i));
  bytes[31] = 1;
  return NodeId(bytes);
}

SignedChannelNodeInfo info_of(const NodeId& id, const std::string& url, std::int64_t timestamp) {
  SignedChannelNodeInfo info;
  info.body.node_id = id;
  info.body.channel_config_url = url;
  info.body.timestamp = timestamp;
  return info;
}

using Taken = RemoteNodes::Taken;

TEST(RemoteNodes, NewerReplacesOlderOnly) {
  RemoteNodes nodes(id_of(0));
  EXPECT_EQ(nodes.take(info_of(id_of(1), "http://c", now), now), Taken::added);
  EXPECT_EQ(nodes.take(info_of(id_of(1), "http://c", now), now), Taken::unchanged);
  EXPECT_EQ(nodes.take(info_of(id_of(1), "http://c", now - 1), now), Taken::unchanged);
  EXPECT_EQ(nodes.take(info_of(id_of(1), "http://c", now + 1), now), Taken::updated);
  EXPECT_EQ(nodes.take(info_of(id_of(1), "http://d", now), now), Taken::added);
  EXPECT_EQ(nodes.info_count(), 2u);
  EXPECT_EQ(nodes.infos_of("http://c", now).size(), 1u);
}

TEST(RemoteNodes, OwnExpiredAndFutureInfosAreNotTaken) {
  RemoteNodes nodes(id_of(0));
  EXPECT_EQ(nodes.take(info_of(id_of(0), "http://c", now), now), Taken::unchanged);
  EXPECT_EQ(nodes.take(info_of(id_of(1), "http://c", now - limits::info_life_ms - 1), now), Taken::unchanged);
  EXPECT_EQ(nodes.take(info_of(id_of(1), "http://c", now + limits::info_future_ms + 1), now), Taken::ahead);
  EXPECT_EQ(nodes.take(info_of(id_of(1), "http://c", now + limits::info_future_ms), now), Taken::added);
}

TEST(RemoteNodes, ExpiryLeavesNothingBehind) {
  RemoteNodes nodes(id_of(0));
  nodes.take(info_of(id_of(1), "http://c", now), now);
  nodes.take(info_of(id_of(2), "http://c", now + 1000), now);
  nodes.expire(now + limits::info_life_ms + 500);
  EXPECT_EQ(nodes.find(id_of(1)), nullptr);
  EXPECT_NE(nodes.find(id_of(2)), nullptr);
  nodes.get_or_add(id_of(3)).bootstrap.emplace();
  nodes.expire(now + 10 * limits::info_life_ms);
  EXPECT_NE(nodes.find(id_of(3)), nullptr);
  EXPECT_EQ(nodes.info_count(), 0u);
}

TEST(RemoteNodes, AFloodOfNodesIsBounded) {
  RemoteNodes nodes(id_of(0));
  for (std::uint32_t i = 1; i <= limits::infos_per_channel; ++i) {
    ASSERT_EQ(nodes.take(info_of(id_of(i), "http://c", now), now), Taken::added);
  }
  EXPECT_EQ(nodes.take(info_of(id_of(999'999), "http://c", now), now), Taken::full);
  // Known nodes are not shut out, nor other channels.
  EXPECT_EQ(nodes.take(info_of(id_of(1), "http://c", now + 1), now), Taken::updated);
  std::uint32_t next = 1'000'000;
  while (nodes.info_count() < limits::infos_total) {
    ASSERT_EQ(nodes.take(info_of(id_of(next), "http://x" + std::to_string(next), now), now), Taken::added);
    ++next;
  }
  EXPECT_EQ(nodes.take(info_of(id_of(next), "http://y", now), now), Taken::full);
  nodes.forget_channel("http://c");
  EXPECT_EQ(nodes.info_count(), limits::infos_total - limits::infos_per_channel);
}

TEST(RemoteNode, TakesHttpRequestsWhereItsBootstrapAnswered) {
  RemoteNodes nodes(id_of(0));
  SignedChannelNodeInfo info = info_of(id_of(1), "http://c", now);
  info.body.http_address = Address{"announced", 80, ""};
  nodes.take(info, now);
  nodes.take(info_of(id_of(1), "http://d", now + 5), now);
  RemoteNode* node = nodes.find(id_of(1));
  EXPECT_EQ(node->http_address()->host, "announced");
  node->bootstrap = BootstrapNode{Address{"probed", 81, ""}, {}, {}};
  EXPECT_EQ(node->http_address()->host, "probed");
}

TEST(ReplayGuard, ForgetsWhatItsTimeWouldRefuse) {
  ReplayGuard guard(1000);
  const RequestId id = RequestId::random();
  EXPECT_TRUE(guard.admit(id_of(1), id, now, now));
  EXPECT_FALSE(guard.admit(id_of(1), id, now, now));
  EXPECT_TRUE(guard.admit(id_of(2), id, now, now));
  const std::int64_t later = now + 2 * limits::clock_skew_ms + 1;
  EXPECT_TRUE(guard.admit(id_of(1), RequestId::random(), later, later));
  EXPECT_EQ(guard.remembered(), 1u);
  EXPECT_FALSE(guard.admit(id_of(1), id, now, later));  // too old by now
}

TEST(ReplayGuard, HoldsItsCapacity) {
  ReplayGuard guard(10);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(guard.admit(id_of(1), RequestId::random(), now, now));
  EXPECT_EQ(guard.remembered(), 10u);
}

}  // namespace
}  // namespace kachery
