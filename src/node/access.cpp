#include "node/access.h"

#include <algorithm>

namespace kachery {

const ChannelNodeInfo* Access::live_info(const Channel& channel, const NodeId& remote) const {
  const RemoteNode* node = nodes_.find(remote);
  if (node == nullptr) return nullptr;
  const auto info = node->infos.find(channel.url());
  if (info == node->infos.end() || is_expired(info->second.body, scheduler_.wall_ms())) return nullptr;
  return &info->second.body;
}

bool Access::is_public_self(const Channel& channel) const {
  const AuthorizedNode* self = channel.authorized(own_id_);
  return self != nullptr && self->is_public && channel.joined().is_public;
}

bool Access::is_public_remote(const Channel& channel, const NodeId& remote) const {
  const AuthorizedNode* entry = channel.authorized(remote);
  if (entry == nullptr || !entry->is_public) return false;
  const ChannelNodeInfo* info = live_info(channel, remote);
  return info != nullptr && info->is_public.value_or(false);
}

bool Access::may_exchange_data_on(const Channel& channel, const NodeId& remote) const {
  if (channel.config() == nullptr) return false;
  if (channel.authorized(own_id_) != nullptr && channel.authorized(remote) != nullptr) return true;
  if (is_public_self(channel) && live_info(channel, remote) != nullptr) return true;
  return is_public_remote(channel, remote);
}

bool Access::may_exchange_data(const NodeId& remote) const {
  return std::ranges::any_of(channels_.all(),
                             [&](const auto& entry) { return may_exchange_data_on(*entry.second, remote); });
}

bool Access::may_request(const NodeId& remote, const RequestData& data) const {
  const bool discovery = std::holds_alternative<CheckAliveRequest>(data) ||
                         std::holds_alternative<GetChannelInfoRequest>(data) ||
                         std::holds_alternative<AnnounceRequest>(data);
  return discovery ? may_discover(remote) : may_exchange_data(remote);
}

bool Access::may_discover(const NodeId& remote) const {
  if (is_bootstrap_) return true;
  const RemoteNode* node = nodes_.find(remote);
  return (node != nullptr && node->bootstrap) || may_exchange_data(remote);
}

bool Access::welcomes(const ChannelNodeInfo& info) const {
  const Channel* channel = channels_.find(info.channel_config_url);
  if (channel == nullptr) return is_bootstrap_;
  // Until the configuration is here there is nothing to judge by; nodes announce themselves again soon.
  if (channel->config() == nullptr) return is_bootstrap_;
  if (is_bootstrap_ || is_public_self(*channel)) return true;
  const AuthorizedNode* entry = channel->authorized(info.node_id);
  if (entry == nullptr) return false;
  return channel->authorized(own_id_) != nullptr || (entry->is_public && info.is_public.value_or(false));
}

}  // namespace kachery
