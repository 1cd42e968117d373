#include "node/remote_nodes.h"

#include "base/limits.h"

namespace kachery {

bool is_expired(const ChannelNodeInfo& info, std::int64_t wall_ms) {
  return info.timestamp < wall_ms - limits::info_life_ms;
}

const SignedChannelNodeInfo* RemoteNode::newest(bool with_http_address) const {
  const SignedChannelNodeInfo* best = nullptr;
  for (const auto& [url, info] : infos) {
    if (with_http_address && !info.body.http_address) continue;
    if (best == nullptr || info.body.timestamp > best->body.timestamp) best = &info;
  }
  return best;
}

std::optional<Address> RemoteNode::http_address() const {
  if (bootstrap) return bootstrap->address;
  const SignedChannelNodeInfo* info = newest(true);
  if (info == nullptr) return std::nullopt;
  return info->body.http_address;
}

std::string RemoteNode::announced_label() const {
  const SignedChannelNodeInfo* info = newest(false);
  return info == nullptr ? std::string() : info->body.node_label;
}

RemoteNodes::Taken RemoteNodes::judge(const ChannelNodeInfo& info, std::int64_t wall_ms) const {
  if (info.node_id == own_id_ || is_expired(info, wall_ms)) return Taken::unchanged;
  if (info.timestamp > wall_ms + limits::info_future_ms) return Taken::ahead;
  const RemoteNode* node = find(info.node_id);
  if (node != nullptr) {
    const auto known = node->infos.find(info.channel_config_url);
    if (known != node->infos.end()) {
      return info.timestamp > known->second.body.timestamp ? Taken::updated : Taken::unchanged;
    }
  }
  const auto channel = by_channel_.find(info.channel_config_url);
  if (info_count_ >= limits::infos_total || (node == nullptr && nodes_.size() >= limits::remote_nodes) ||
      (channel != by_channel_.end() && channel->second.size() >= limits::infos_per_channel)) {
    return Taken::full;
  }
  return Taken::added;
}

RemoteNodes::Taken RemoteNodes::take(SignedChannelNodeInfo info, std::int64_t wall_ms) {
  const Taken verdict = judge(info.body, wall_ms);
  if (verdict != Taken::added && verdict != Taken::updated) return verdict;
  RemoteNode& node = get_or_add(info.body.node_id);
  const std::string url = info.body.channel_config_url;
  if (verdict == Taken::added) {
    by_channel_[url][node.id()] = &node;
    ++info_count_;
  }
  node.infos.insert_or_assign(url, std::move(info));
  return verdict;
}

RemoteNode* RemoteNodes::find(const NodeId& id) {
  const auto found = nodes_.find(id);
  return found == nodes_.end() ? nullptr : found->second.get();
}

const RemoteNode* RemoteNodes::find(const NodeId& id) const {
  const auto found = nodes_.find(id);
  return found == nodes_.end() ? nullptr : found->second.get();
}

RemoteNode& RemoteNodes::get_or_add(const NodeId& id) {
  std::unique_ptr<RemoteNode>& node = nodes_[id];
  if (!node) node = std::make_unique<RemoteNode>(id);
  return *node;
}

std::vector<const SignedChannelNodeInfo*> RemoteNodes::infos_of(const std::string& channel_config_url,
                                                                std::int64_t wall_ms) const {
  std::vector<const SignedChannelNodeInfo*> out;
  const auto channel = by_channel_.find(channel_config_url);
  if (channel == by_channel_.end()) return out;
  out.reserve(channel->second.size());
  for (const auto& [id, node] : channel->second) {
    const SignedChannelNodeInfo& info = node->infos.at(channel_config_url);
    if (!is_expired(info.body, wall_ms)) out.push_back(&info);
  }
  return out;
}

std::vector<const RemoteNode*> RemoteNodes::all() const {
  std::vector<const RemoteNode*> out;
  out.reserve(nodes_.size());
  for (const auto& [id, node] : nodes_) out.push_back(node.get());
  return out;
}

void RemoteNodes::drop_info(RemoteNode& node,
                            std::map<std::string, SignedChannelNodeInfo, std::less<>>::iterator info) {
  const auto channel = by_channel_.find(info->first);
  channel->second.erase(node.id());
  if (channel->second.empty()) by_channel_.erase(channel);
  node.infos.erase(info);
  --info_count_;
}

void RemoteNodes::drop_empty_nodes() {
  std::erase_if(nodes_,
                [](const auto& entry) { return !entry.second->bootstrap && entry.second->infos.empty(); });
}

void RemoteNodes::expire(std::int64_t wall_ms) {
  for (const auto& [id, node] : nodes_) {
    for (auto info = node->infos.begin(); info != node->infos.end();) {
      const auto current = info++;
      if (is_expired(current->second.body, wall_ms)) drop_info(*node, current);
    }
  }
  drop_empty_nodes();
}

void RemoteNodes::forget_channel(const std::string& channel_config_url) {
  const auto channel = by_channel_.find(channel_config_url);
  if (channel == by_channel_.end()) return;
  const auto members = channel->second;
  for (const auto& [id, node] : members) drop_info(*node, node->infos.find(channel_config_url));
  drop_empty_nodes();
}

}  // namespace kachery
