// Channel node infos: how nodes make themselves known on a channel (protocol.md section 7).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "codec/json.h"
#include "crypto/keys.h"
#include "wire/address.h"

namespace kachery {

struct ChannelNodeInfo {
  std::string channel_config_url;
  NodeId node_id;
  std::string node_label;
  std::optional<Address> http_address;
  std::optional<Address> web_socket_address;
  std::optional<Address> public_udp_socket_address;
  std::optional<bool> is_message_proxy;
  std::optional<bool> is_data_proxy;
  std::optional<bool> is_public;
  std::vector<NodeId> message_proxies;  // messageProxyWebsocketNodeIds
  std::vector<NodeId> data_proxies;
  std::int64_t timestamp = 0;

  static Result<ChannelNodeInfo> from_json(const Json& body);
  Json json() const;
};

// Signed; `raw` is the message as it came, to be handed on unchanged.
struct SignedChannelNodeInfo {
  ChannelNodeInfo body;
  Json raw;

  // Checks form and signature. The form rules alone: parse_unverified.
  static Result<SignedChannelNodeInfo> parse(const Json& json);
  static Result<SignedChannelNodeInfo> parse_unverified(const Json& json);
  static SignedChannelNodeInfo sign(const KeyPair& key, ChannelNodeInfo body);
};

}  // namespace kachery
