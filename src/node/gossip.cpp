#include "node/gossip.h"

#include <algorithm>

#include "base/log.h"

namespace kachery {

namespace {

constexpr milliseconds request_timeout{5'000};
constexpr milliseconds start_up{15'000};
constexpr milliseconds check_alive_pause{20'000};

struct Period {
  milliseconds usual;
  milliseconds at_start_up;
};
constexpr Period announce_bootstraps{milliseconds{21'000}, milliseconds{2'000}};
constexpr Period announce_node{milliseconds{2'000}, milliseconds{500}};
constexpr Period ask_bootstraps{milliseconds{30'000}, milliseconds{2'000}};
constexpr Period ask_node{milliseconds{1'500}, milliseconds{500}};

}  // namespace

bool Gossip::starting_up() const {
  const milliseconds now = parts_.scheduler.monotonic();
  return std::ranges::any_of(parts_.channels.all(), [&](const auto& entry) {
    return entry.second->config() != nullptr && now - entry.second->configured_at() < parts_.pace(start_up);
  });
}

void Gossip::update() {
  const bool active = std::ranges::any_of(
      parts_.channels.all(), [](const auto& entry) { return entry.second->config() != nullptr; });
  if (!active) {
    timer_.reset();
    return;
  }
  announce_bootstraps_at_ = announce_node_at_ = ask_bootstraps_at_ = ask_node_at_ =
      parts_.scheduler.monotonic();
  timer_ = parts_.scheduler.after(milliseconds{0}, [this] { tick(); });
}

void Gossip::tick() {
  const milliseconds now = parts_.scheduler.monotonic();
  const bool hurry = starting_up();
  const auto due = [&](milliseconds& at, const Period& period) {
    if (now < at) return false;
    at = now + parts_.pace(hurry ? period.at_start_up : period.usual);
    return true;
  };
  const bool to_bootstraps = due(announce_bootstraps_at_, announce_bootstraps);
  const bool to_node = due(announce_node_at_, announce_node);
  const bool of_bootstraps = due(ask_bootstraps_at_, ask_bootstraps);
  const bool of_node = due(ask_node_at_, ask_node);
  for (const auto& [url, channel] : parts_.channels.all()) {
    for (const NodeId& bootstrap : parts_.bootstraps.bootstraps_of(*channel)) {
      if (to_bootstraps) announce(bootstrap, *channel);
      if (of_bootstraps) ask(bootstrap, *channel);
    }
    if (to_node) {
      if (const RemoteNode* node = next_node(*channel, &RemoteNode::announced_at))
        announce(node->id(), *channel);
    }
    if (of_node) {
      if (const RemoteNode* node = next_node(*channel, &RemoteNode::asked_at)) ask(node->id(), *channel);
    }
  }
  const milliseconds next =
      std::min({announce_bootstraps_at_, announce_node_at_, ask_bootstraps_at_, ask_node_at_}) - now;
  timer_ = parts_.scheduler.after(std::max(next, milliseconds{1}), [this] { tick(); });
}

RemoteNode* Gossip::next_node(const Channel& channel,
                              std::map<std::string, milliseconds, std::less<>> RemoteNode::*history) const {
  RemoteNode* best = nullptr;
  milliseconds best_time{0};
  for (const SignedChannelNodeInfo* info : parts_.nodes.infos_of(channel.url(), parts_.scheduler.wall_ms())) {
    RemoteNode* node = parts_.nodes.find(info->body.node_id);
    // A bootstrap has its own turns.
    if (!node->online || node->bootstrap || !parts_.access.may_exchange_data_on(channel, node->id()))
      continue;
    const auto& times = node->*history;
    const auto last = times.find(channel.url());
    const milliseconds time = last == times.end() ? milliseconds{-1} : last->second;
    if (best == nullptr || time < best_time) {
      best = node;
      best_time = time;
    }
  }
  return best;
}

void Gossip::bootstrap_appeared(const NodeId& node) {
  for (const auto& [url, channel] : parts_.channels.all()) {
    const std::vector<NodeId> bootstraps = parts_.bootstraps.bootstraps_of(*channel);
    if (std::ranges::find(bootstraps, node) == bootstraps.end()) continue;
    announce(node, *channel);
    ask(node, *channel);
  }
}

void Gossip::info_taken(const NodeId& id, const std::string& channel_config_url, RemoteNodes::Taken taken) {
  RemoteNode* node = parts_.nodes.find(id);
  const Channel* channel = parts_.channels.find(channel_config_url);
  if (channel == nullptr || !parts_.access.may_exchange_data_on(*channel, id)) return;
  if (taken == RemoteNodes::Taken::added) {
    log_info("channel {}: node {} ({}) appeared", channel->config()->channel_label, id.brief(),
             escaped(node->announced_label()));
    announce(id, *channel);
  } else if (!node->online) {
    check_alive(*node);
  }
}

void Gossip::send(Kind kind, const NodeId& node, const std::string& url, RequestData data,
                  std::function<void(ResponseData&)> answered) {
  const Key key{kind, {node, url}};
  if (under_way_.contains(key)) return;
  under_way_[key] = parts_.requester.request(
      node, std::move(data), parts_.pace(request_timeout),
      [this, key, answered = std::move(answered)](Result<ResponseData> response) {
        const OperationPtr ended = std::move(under_way_.extract(key).mapped());
        if (response) return answered(*response);
        log_debug("{} to node {}: {}", key.first == Kind::announce ? "announce" : "request",
                  key.second.first.brief(), response.error().message);
      });
}

void Gossip::announce(const NodeId& id, const Channel& channel) {
  if (RemoteNode* node = parts_.nodes.find(id))
    node->announced_at[channel.url()] = parts_.scheduler.monotonic();
  send(Kind::announce, id, channel.url(), AnnounceRequest{parts_.own_info(channel)},
       [id](ResponseData& data) {
         const auto* answer = std::get_if<AnnounceResponse>(&data);
         if (answer == nullptr || answer->success) return;
         log_info("node {} does not take our announcement: {}", id.brief(),
                  escaped(answer->error.value_or("no reason given")));
       });
}

void Gossip::ask(const NodeId& id, const Channel& channel) {
  if (RemoteNode* node = parts_.nodes.find(id)) node->asked_at[channel.url()] = parts_.scheduler.monotonic();
  const std::string url = channel.url();
  send(Kind::get_channel_info, id, url, GetChannelInfoRequest{url}, [this, url](ResponseData& data) {
    auto* answer = std::get_if<GetChannelInfoResponse>(&data);
    if (answer == nullptr) return;
    // What was not asked for is not listened to.
    std::erase_if(answer->nodes, [&](const auto& info) { return info.body.channel_config_url != url; });
    parts_.intake.offer(std::move(answer->nodes));
  });
}

void Gossip::check_alive(RemoteNode& node) {
  const milliseconds now = parts_.scheduler.monotonic();
  if (node.checked_alive_at && now - *node.checked_alive_at < parts_.pace(check_alive_pause)) return;
  node.checked_alive_at = now;
  send(Kind::check_alive, node.id(), "", CheckAliveRequest{}, [](ResponseData&) {});
}

}  // namespace kachery
