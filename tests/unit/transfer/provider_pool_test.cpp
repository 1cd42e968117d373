#include "transfer/provider_pool.h"

#include <gmock/gmock.h>

#include "unit/transfer/fake_network.h"

namespace kachery {
namespace {

using testing::FakeNetwork;
using ::testing::HasSubstr;
using testing::VirtualScheduler;

class Pool : public ::testing::Test {
 protected:
  static constexpr std::uint64_t size = 100;

  NodeId offer(const std::string& label, std::uint64_t bytes = size) {
    const NodeId node = network.add(label).id;
    pool.add(Offer{node, bytes});
    return node;
  }
  std::optional<NodeId> pick() { return pool.pick(size, std::nullopt); }

  VirtualScheduler clock;
  FakeNetwork network{clock};
  ProviderPool pool;
};

TEST_F(Pool, SpreadsAndIsBounded) {
  const NodeId a = offer("a");
  const NodeId b = offer("b");
  std::map<NodeId, int> picked;
  for (unsigned i = 0; i < 2 * ProviderPool::max_in_flight; ++i) {
    const auto node = pick();
    ASSERT_TRUE(node);
    pool.started(*node);
    ++picked[*node];
    EXPECT_LE(std::abs(picked[a] - picked[b]), 1);
  }
  EXPECT_EQ(pick(), std::nullopt);
  pool.delivered(b);
  EXPECT_EQ(pick(), b);
}

TEST_F(Pool, OnlyThoseOfTheRightSize) {
  offer("liar", 7);
  EXPECT_EQ(pick(), std::nullopt);
  EXPECT_FALSE(pool.any_usable(size));
  EXPECT_TRUE(pool.any_usable(7));
  EXPECT_EQ(pool.usable_size(), 7U);
  const NodeId good = offer("good");
  EXPECT_EQ(pick(), good);
}

TEST_F(Pool, WhoFailedBeforeIsAskedOnlyIfThereIsNoOther) {
  const NodeId a = offer("a");
  EXPECT_EQ(pool.pick(size, a), a);
  const NodeId b = offer("b");
  pool.started(b);
  EXPECT_EQ(pool.pick(size, a), b);
}

TEST_F(Pool, TheBlamedAreAskedNoMore) {
  const NodeId a = offer("a");
  pool.started(a);
  pool.failed(a, Error{Errc::damaged, "sent rubbish"});
  EXPECT_EQ(pick(), std::nullopt);
  pool.add(Offer{a, size});
  EXPECT_EQ(pick(), std::nullopt);
  EXPECT_FALSE(pool.any_usable());
  EXPECT_TRUE(pool.any_offering(size));
}

TEST_F(Pool, ThreeFailuresInARowLetAProviderRestUntilItOffersAgain) {
  const NodeId a = offer("a");
  const Error broke{Errc::unreachable, "broke"};
  pool.failed(a, broke);
  pool.failed(a, broke);
  pool.delivered(a);
  pool.failed(a, broke);
  pool.failed(a, broke);
  EXPECT_EQ(pick(), a);
  pool.failed(a, broke);
  EXPECT_EQ(pick(), std::nullopt);
  pool.add(Offer{a, size});
  EXPECT_EQ(pick(), a);
}

TEST_F(Pool, OneStallIsEnough) {
  const NodeId a = offer("a");
  pool.failed(a, Error{Errc::stalled, "sent nothing"});
  EXPECT_EQ(pick(), std::nullopt);
}

TEST_F(Pool, TheManifestIsAskedOfEverybodyOnce) {
  const NodeId a = offer("a");
  const NodeId b = offer("b");
  EXPECT_EQ(pool.pick_for_manifest(), a);
  EXPECT_EQ(pool.pick_for_manifest(), b);
  EXPECT_EQ(pool.pick_for_manifest(), std::nullopt);
  pool.manifest_failed(a, Error{Errc::refused, "has none"});
  EXPECT_EQ(pick(), a) << "that says nothing about the file";
  pool.manifest_failed(a, Error{Errc::damaged, "rubbish"});
  EXPECT_EQ(pick(), b);
}

TEST_F(Pool, SummaryTellsTheWorstFirstAndAFewMore) {
  const Error unreachable{Errc::unreachable, "connection refused"};
  pool.failed(offer("a"), unreachable);
  EXPECT_EQ(pool.summary(network).code, Errc::unreachable);
  EXPECT_THAT(pool.summary(network).message, HasSubstr("a: connection refused"));
  pool.failed(offer("b"), Error{Errc::refused, "no"});
  EXPECT_EQ(pool.summary(network).code, Errc::refused);
  pool.failed(offer("c"), Error{Errc::stalled, "sent nothing"});
  EXPECT_EQ(pool.summary(network).code, Errc::stalled);
  const NodeId d = offer("d");
  pool.failed(d, Error{Errc::protocol, "sent only half"});
  pool.failed(d, unreachable);
  const Error summary = pool.summary(network);
  EXPECT_EQ(summary.code, Errc::damaged) << "the worst of a provider counts";
  EXPECT_EQ(summary.message, "what arrived was damaged: d: sent only half; a: connection refused; b: no");
}

}  // namespace
}  // namespace kachery
