#include "transfer/finder.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "unit/transfer/fake_network.h"

namespace kachery {
namespace {

using testing::FakeNetwork;
using testing::FakeNode;
using testing::VirtualScheduler;

class Finding : public ::testing::Test {
 protected:
  void find(milliseconds timeout = milliseconds(4'000)) {
    flow = std::make_unique<FindFlow>(
        network, key, timeout,
        FindFlow::Callbacks{
            [this](const Offer& offer) { offers.emplace_back(offer.node, offer.size, clock.monotonic()); },
            [this](std::vector<std::pair<NodeId, Error>> nodes) {
              ++ended;
              ended_at = clock.monotonic();
              unreachable = std::move(nodes);
            }});
    EXPECT_EQ(ended, 0) << "done() must come later";
  }
  void give(FakeNode& node) { key.sha1 = node.add("content"); }

  VirtualScheduler clock;
  FakeNetwork network{clock};
  FileKey key;
  std::vector<std::tuple<NodeId, std::uint64_t, milliseconds>> offers;
  std::vector<std::pair<NodeId, Error>> unreachable;
  int ended = 0;
  milliseconds ended_at{0};
  std::unique_ptr<FindFlow> flow;
};

TEST_F(Finding, NobodyToAsk) {
  find();
  clock.settle();
  EXPECT_EQ(ended, 1);
  EXPECT_TRUE(offers.empty());
  EXPECT_EQ(clock.timers(), 0U);
}

TEST_F(Finding, OffersComeAsTheyAreMadeAndTheEndWhenAllHaveAnswered) {
  FakeNode& quick = network.add("quick");
  FakeNode& slow = network.add("slow");
  network.add("without");
  give(quick);
  give(slow);
  slow.latency = milliseconds(700);
  find();
  clock.advance(milliseconds(10));
  ASSERT_EQ(offers.size(), 1U);
  EXPECT_EQ(std::get<0>(offers[0]), quick.id);
  EXPECT_EQ(std::get<1>(offers[0]), 7U);
  EXPECT_EQ(ended, 0);
  clock.advance(milliseconds(1'000));
  EXPECT_EQ(offers.size(), 2U);
  EXPECT_EQ(ended, 1);
  EXPECT_EQ(ended_at, milliseconds(700));
  EXPECT_TRUE(unreachable.empty());
  EXPECT_EQ(clock.timers(), 0U);
}

TEST_F(Finding, SaysWhoCouldNotBeAskedAndWhy) {
  FakeNode& gone = network.add("gone");
  FakeNode& silent = network.add("silent");
  FakeNode& odd = network.add("odd");
  gone.manner = FakeNode::Manner::unreachable;
  silent.manner = FakeNode::Manner::silent;
  network.override_answer = [&](const NodeId& node, const RequestData&) -> std::optional<ResponseData> {
    if (node == odd.id) return CheckAliveResponse{};
    return std::nullopt;
  };
  find();
  clock.advance(milliseconds(5'000));
  EXPECT_EQ(ended, 1);
  EXPECT_EQ(ended_at, milliseconds(4'000));
  std::map<NodeId, Errc> why;
  for (const auto& [node, error] : unreachable) why[node] = error.code;
  EXPECT_EQ(why, (std::map<NodeId, Errc>{
                     {gone.id, Errc::unreachable}, {silent.id, Errc::timed_out}, {odd.id, Errc::protocol}}));
}

TEST_F(Finding, AsksALimitedNumberAtOnceAndAllInTheEnd) {
  constexpr std::size_t count = limits::find_requests + 20;
  std::vector<FakeNode*> nodes;
  network.override_answer = {};
  for (std::size_t i = 0; i < count; ++i) {
    FakeNode& node = network.add("n");
    std::array<std::uint8_t, 32> id{};
    id[0] = static_cast<std::uint8_t>(i >> 8U);
    id[1] = static_cast<std::uint8_t>(i);
    id[2] = 1;
    node.id = NodeId(id);
    node.latency = milliseconds(100);
    nodes.push_back(&node);
  }
  const auto asked = [&] {
    std::size_t n = 0;
    for (const FakeNode* node : nodes) n += node->checks.size();
    return n;
  };
  find();
  clock.settle();
  EXPECT_EQ(asked(), limits::find_requests);
  clock.advance(milliseconds(1'000));
  EXPECT_EQ(asked(), count);
  EXPECT_EQ(ended, 1);
}

TEST_F(Finding, WhoeverIsNotAskedInTimeIsReported) {
  for (std::size_t i = 0; i < limits::find_requests + 1; ++i) {
    FakeNode& node = network.add("n");
    std::array<std::uint8_t, 32> id{};
    id[0] = static_cast<std::uint8_t>(i >> 8U);
    id[1] = static_cast<std::uint8_t>(i);
    id[2] = 1;
    node.id = NodeId(id);
    node.manner = FakeNode::Manner::silent;
  }
  find(milliseconds(50));
  clock.advance(milliseconds(50));
  EXPECT_EQ(ended, 1);
  EXPECT_EQ(unreachable.size(), limits::find_requests + 1);
}

TEST_F(Finding, DestroyingItEndsIt) {
  give(network.add("a"));
  find();
  clock.settle();
  flow.reset();
  clock.advance(milliseconds(10'000));
  EXPECT_TRUE(offers.empty());
  EXPECT_EQ(ended, 0);
  EXPECT_EQ(clock.timers(), 0U);
}

TEST_F(Finding, MayBeDestroyedFromItsCallbacks) {
  give(network.add("a"));
  give(network.add("b"));
  int calls = 0;
  flow = std::make_unique<FindFlow>(network, key, milliseconds(4'000),
                                    FindFlow::Callbacks{[&](const Offer&) {
                                                          ++calls;
                                                          flow.reset();
                                                        },
                                                        [&](auto) { ++calls; }});
  clock.advance(milliseconds(10'000));
  EXPECT_EQ(calls, 1);

  flow = std::make_unique<FindFlow>(network, key, milliseconds(4'000),
                                    FindFlow::Callbacks{[](const Offer&) {}, [&](auto) { flow.reset(); }});
  clock.advance(milliseconds(10'000));
  EXPECT_EQ(flow, nullptr);
}

}  // namespace
}  // namespace kachery
