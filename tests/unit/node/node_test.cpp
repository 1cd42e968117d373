// Whole nodes on a pretended internet, in virtual time.
#include "node/node.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/fake_internet.h"

namespace kachery {
namespace {

using testing::FakeInternet;
using testing::VirtualScheduler;

const std::string channel_url = "https://gist.example/channel.yaml";

KeyPair key_of(std::uint8_t seed) {
  std::array<std::uint8_t, 32> bytes{};
  bytes.fill(seed);
  return KeyPair::from_seed(bytes);
}

std::string entry(const KeyPair& key, const std::string& label, const std::string& more = "") {
  return "  - nodeId: " + key.public_key().hex() + "\n    nodeLabel: " + label + "\n" + more;
}

std::string yaml(const std::string& nodes) {
  return "channelLabel: test-channel\nbootstrapAddresses:\n  - {hostName: boot, port: "
         "1}\nauthorizedNodes:\n" +
         nodes;
}

class World : public ::testing::Test {
 protected:
  World() {
    internet.page(channel_url, 200,
                  yaml(entry(boot_key, "boot") + entry(alice_key, "alice") + entry(bob_key, "bob")));
  }

  std::unique_ptr<Node> make(const KeyPair& key, const std::string& host, bool is_bootstrap = false) {
    NodeOptions options;
    options.label = host;
    options.is_bootstrap = is_bootstrap;
    options.host = host;
    options.http_port = static_cast<std::uint16_t>(1);
    options.daemon_version = "kachery-p2p-0.9.0";
    auto node = std::make_unique<Node>(scheduler, internet, key, options);
    plug(host, *node);
    return node;
  }

  void plug(const std::string& host, Node& node) {
    internet.host("http://" + host + ":1",
                  [&node](const HttpRequest& request, const FakeInternet::Respond& respond) {
                    if (request.url.ends_with("/probe"))
                      return respond(HttpResponse{200, {}, node.probe_response().json().text()});
                    node.receive(*Json::parse(request.body), [respond](Result<Json> answer) {
                      if (!answer) return respond(HttpResponse{500, {}, answer.error().message});
                      respond(HttpResponse{200, {}, answer->text()});
                    });
                  });
  }

  static std::vector<JoinedChannel> joined(bool is_public = false) {
    JoinedChannel channel;
    channel.channel_config_url = channel_url;
    channel.is_public = is_public;
    return {channel};
  }

  static bool knows(const Node& node, const KeyPair& other) {
    const std::vector<NodeId> nodes = node.data_nodes();
    return std::ranges::find(nodes, other.public_key()) != nodes.end();
  }

  Result<ResponseData> ask(Node& from, const KeyPair& to, RequestData data) {
    std::optional<Result<ResponseData>> answer;
    const OperationPtr operation =
        from.request(to.public_key(), std::move(data), milliseconds(5000),
                     [&](Result<ResponseData> result) { answer = std::move(result); });
    EXPECT_FALSE(answer);  // never from within the call
    scheduler.advance(milliseconds(10));
    EXPECT_TRUE(answer);
    return answer.value_or(fail(Errc::internal, "no answer"));
  }

  KeyPair boot_key = key_of(1), alice_key = key_of(2), bob_key = key_of(3), eve_key = key_of(4);
  VirtualScheduler scheduler;
  FakeInternet internet{scheduler};
};

TEST_F(World, NodesMeetThroughABootstrapWithinASecond) {
  const auto boot = make(boot_key, "boot", true);
  const auto alice = make(alice_key, "alice");
  const auto bob = make(bob_key, "bob");
  boot->set_joined_channels(joined());
  alice->set_joined_channels(joined());
  bob->set_joined_channels(joined());
  scheduler.advance(milliseconds(1000));
  EXPECT_TRUE(knows(*alice, bob_key));
  EXPECT_TRUE(knows(*bob, alice_key));
  EXPECT_EQ(alice->display_name(bob_key.public_key()), "bob (" + bob_key.public_key().brief() + ")");
}

TEST_F(World, ABootstrapThatJoinedNothingIntroducesNodesToo) {
  const auto boot = make(boot_key, "boot", true);
  const auto alice = make(alice_key, "alice");
  const auto bob = make(bob_key, "bob");
  alice->set_joined_channels(joined());
  bob->set_joined_channels(joined());
  scheduler.advance(milliseconds(5000));
  EXPECT_TRUE(knows(*alice, bob_key));
  EXPECT_TRUE(knows(*bob, alice_key));
}

TEST_F(World, NodesOutsideTheFileAreNotListenedToEitherWay) {
  const auto boot = make(boot_key, "boot", true);
  const auto alice = make(alice_key, "alice");
  const auto eve = make(eve_key, "eve");
  for (Node* node : {boot.get(), alice.get(), eve.get()}) {
    node->handle("checkForFile", [](const Request&, const Node::Answered& answer) {
      answer(CheckForFileResponse{true, 5});
    });
  }
  alice->set_joined_channels(joined());
  eve->set_joined_channels(joined());
  scheduler.advance(milliseconds(20'000));
  EXPECT_FALSE(knows(*alice, eve_key));
  EXPECT_FALSE(alice->may_exchange_data(eve_key.public_key()));

  // Eve's own checks would stop her; a dishonest Eve signs by hand.
  const Request request =
      Request::sign(eve_key, alice_key.public_key(), CheckForFileRequest{}, scheduler.wall_ms(), 5000);
  std::optional<Result<Json>> answer;
  alice->receive(request.raw, [&](Result<Json> result) { answer = std::move(result); });
  ASSERT_TRUE(answer);
  ASSERT_FALSE(*answer);
  EXPECT_EQ(answer->error().code, Errc::unauthorized);

  // And Alice does not send to Eve.
  EXPECT_EQ(ask(*alice, eve_key, CheckForFileRequest{}).error().code, Errc::unauthorized);
}

TEST_F(World, ABootstrapServesDiscoveryToAllButFilesToItsChannelsOnly) {
  const auto boot = make(boot_key, "boot", true);
  boot->handle("checkForFile", [](const Request&, const Node::Answered& answer) {
    answer(CheckForFileResponse{true, 5});
  });
  boot->set_joined_channels(joined());
  const auto alice = make(alice_key, "alice");
  alice->set_joined_channels(joined());
  scheduler.advance(milliseconds(3000));
  EXPECT_TRUE(ask(*alice, boot_key, CheckForFileRequest{}));

  const auto send = [&](RequestData data) {
    std::optional<Result<Json>> answer;
    boot->receive(
        Request::sign(eve_key, boot_key.public_key(), std::move(data), scheduler.wall_ms(), 5000).raw,
        [&](Result<Json> result) { answer = std::move(result); });
    return answer.value();
  };
  EXPECT_TRUE(send(CheckAliveRequest{}));
  EXPECT_TRUE(send(GetChannelInfoRequest{channel_url}));
  EXPECT_EQ(send(CheckForFileRequest{}).error().code, Errc::unauthorized);
}

TEST_F(World, PublicNodesServeThoseWhoAnnounceThemselves) {
  internet.page(channel_url, 200,
                yaml(entry(boot_key, "boot") + entry(alice_key, "alice", "    isPublic: true\n")));
  const auto boot = make(boot_key, "boot", true);
  const auto alice = make(alice_key, "alice");
  const auto eve = make(eve_key, "eve");
  alice->handle("checkForFile", [](const Request&, const Node::Answered& answer) {
    answer(CheckForFileResponse{true, 5});
  });
  alice->set_joined_channels(joined(true));
  eve->set_joined_channels(joined());
  scheduler.advance(milliseconds(5000));
  EXPECT_TRUE(knows(*eve, alice_key));
  EXPECT_TRUE(knows(*alice, eve_key));
  EXPECT_TRUE(ask(*eve, alice_key, CheckForFileRequest{}));
}

TEST_F(World, ReplaysStaleAndForgedRequestsAreRefused) {
  const auto boot = make(boot_key, "boot", true);
  const auto send = [&](const Json& message) {
    std::optional<Result<Json>> answer;
    boot->receive(message, [&](Result<Json> result) { answer = std::move(result); });
    return answer.value();
  };
  const auto sign = [&](std::int64_t timestamp) {
    return Request::sign(alice_key, boot_key.public_key(), CheckAliveRequest{}, timestamp, 5000).raw;
  };
  const Json good = sign(scheduler.wall_ms());
  EXPECT_TRUE(send(good));
  EXPECT_FALSE(send(good));
  EXPECT_TRUE(send(sign(scheduler.wall_ms() - 4 * 60'000)));
  EXPECT_TRUE(send(sign(scheduler.wall_ms() + 4 * 60'000)));
  EXPECT_EQ(send(sign(scheduler.wall_ms() - 6 * 60'000)).error().code, Errc::protocol);
  EXPECT_EQ(send(sign(scheduler.wall_ms() + 6 * 60'000)).error().code, Errc::protocol);
  Json forged = Json::object({{"body", sign(scheduler.wall_ms())["body"]}, {"signature", good["signature"]}});
  EXPECT_FALSE(send(forged));
  EXPECT_FALSE(send(Json::object()));
  const Json elsewhere =
      Request::sign(alice_key, bob_key.public_key(), CheckAliveRequest{}, scheduler.wall_ms(), 5000).raw;
  EXPECT_EQ(send(elsewhere).error().code, Errc::not_found);
}

TEST_F(World, AnnouncementsFromTheFutureOrForgedAreRefused) {
  const auto boot = make(boot_key, "boot", true);
  const auto announce = [&](std::int64_t timestamp, bool forge) {
    ChannelNodeInfo info;
    info.channel_config_url = channel_url;
    info.node_id = alice_key.public_key();
    info.node_label = "alice";
    info.timestamp = timestamp;
    const SignedChannelNodeInfo announcement = SignedChannelNodeInfo::sign(forge ? eve_key : alice_key, info);
    std::optional<Result<Json>> answer;
    boot->receive(Request::sign(eve_key, boot_key.public_key(), AnnounceRequest{announcement},
                                scheduler.wall_ms(), 5000)
                      .raw,
                  [&](Result<Json> result) { answer = std::move(result); });
    if (!*answer) return false;
    return std::get<AnnounceResponse>(Response::parse(**answer)->data).success;
  };
  const std::int64_t now = scheduler.wall_ms();
  EXPECT_FALSE(announce(now + 120'000, false));
  EXPECT_FALSE(announce(now, true));
  // Neither has muted the honest one; and a third party may bring it.
  EXPECT_TRUE(announce(now, false));
  EXPECT_TRUE(announce(now + 30'000, false));
}

TEST_F(World, TheOldConfigurationStaysInForceWhileTheFileIsDownOrWrong) {
  const auto alice = make(alice_key, "alice");
  alice->set_joined_channels(joined());
  scheduler.advance(milliseconds(100));
  EXPECT_TRUE(alice->may_exchange_data(bob_key.public_key()));
  for (const auto& [status, body] : std::vector<std::pair<int, std::string>>{
           {500, "down"}, {200, "no: [yaml"}, {200, "channelLabel: 5"}, {404, ""}}) {
    internet.page(channel_url, status, body);
    scheduler.advance(milliseconds(4 * 60'000));
    EXPECT_TRUE(alice->may_exchange_data(bob_key.public_key())) << body;
    EXPECT_FALSE(alice->channels_json()[std::size_t{0}]["error"].is_null()) << body;
  }
  // Back again, without Bob.
  internet.page(channel_url, 200, yaml(entry(alice_key, "alice")));
  scheduler.advance(milliseconds(4 * 60'000));
  EXPECT_FALSE(alice->may_exchange_data(bob_key.public_key()));
  EXPECT_TRUE(alice->channels_json()[std::size_t{0}]["error"].is_null());
}

TEST_F(World, AConfigurationIsNotTrustedForEverWithoutItsFile) {
  const auto alice = make(alice_key, "alice");
  alice->set_joined_channels(joined());
  scheduler.advance(milliseconds(100));
  internet.unplug(channel_url);
  scheduler.advance(std::chrono::hours(23));
  EXPECT_TRUE(alice->may_exchange_data(bob_key.public_key()));
  scheduler.advance(std::chrono::hours(2));
  EXPECT_FALSE(alice->may_exchange_data(bob_key.public_key()));
}

TEST_F(World, ABootstrapThatComesLateIsFound) {
  const auto alice = make(alice_key, "alice");
  const auto bob = make(bob_key, "bob");
  alice->set_joined_channels(joined());
  bob->set_joined_channels(joined());
  scheduler.advance(milliseconds(60'000));
  EXPECT_FALSE(knows(*alice, bob_key));
  const auto boot = make(boot_key, "boot", true);
  scheduler.advance(milliseconds(20'000));
  EXPECT_TRUE(knows(*alice, bob_key));
  EXPECT_TRUE(knows(*bob, alice_key));
}

TEST_F(World, LeavingAChannelEndsEverythingOnIt) {
  const auto boot = make(boot_key, "boot", true);
  const auto alice = make(alice_key, "alice");
  const auto bob = make(bob_key, "bob");
  alice->set_joined_channels(joined());
  bob->set_joined_channels(joined());
  scheduler.advance(milliseconds(5000));
  ASSERT_TRUE(knows(*alice, bob_key));
  alice->set_joined_channels({});
  EXPECT_FALSE(knows(*alice, bob_key));
  EXPECT_FALSE(alice->may_exchange_data(bob_key.public_key()));
  scheduler.advance(milliseconds(5000));
  internet.requests.clear();
  const std::size_t before = internet.requests.size();
  alice->set_joined_channels({});
  bob->set_joined_channels({});
  scheduler.advance(milliseconds(60'000));
  EXPECT_EQ(internet.requests.size(), before);  // nobody talks any more
}

TEST_F(World, ANodeThatFallsSilentIsForgottenAfterTwoMinutes) {
  const auto boot = make(boot_key, "boot", true);
  const auto alice = make(alice_key, "alice");
  auto bob = make(bob_key, "bob");
  alice->set_joined_channels(joined());
  bob->set_joined_channels(joined());
  scheduler.advance(milliseconds(5000));
  ASSERT_TRUE(knows(*alice, bob_key));
  internet.unplug("http://bob:1");
  bob.reset();
  scheduler.advance(milliseconds(3 * 60'000));
  EXPECT_FALSE(knows(*alice, bob_key));
}

TEST_F(World, UnknownRequestTypesAndUnreachableNodesGiveClearErrors) {
  const auto boot = make(boot_key, "boot", true);
  const auto alice = make(alice_key, "alice");
  alice->set_joined_channels(joined());
  boot->set_joined_channels(joined());
  scheduler.advance(milliseconds(3000));
  const auto refused = ask(*alice, boot_key, CheckForLiveFeedRequest{});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::refused);
  EXPECT_EQ(ask(*alice, bob_key, CheckForFileRequest{}).error().code, Errc::unreachable);
}

}  // namespace
}  // namespace kachery
