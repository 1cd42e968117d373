// The channel's YAML file, the joined channels and the static configuration (protocol.md section 4), after
// codec/yaml has made JSON of them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "codec/json.h"
#include "wire/address.h"

namespace kachery {

struct AuthorizedNode {
  NodeId node_id;
  std::string node_label;
  bool is_admin = false;
  bool is_message_proxy = false;
  bool is_data_proxy = false;
  bool is_public = false;
};

struct ChannelConfig {
  std::string channel_label;
  std::vector<Address> bootstrap_addresses;
  std::vector<AuthorizedNode> authorized_nodes;

  // Extra fields are allowed at the top and in a node. Errors name the field and the item
  // ("authorizedNodes[3].nodeId ...").
  static Result<ChannelConfig> from_json(const Json& json);
  const AuthorizedNode* find(const NodeId& node) const;
};

struct JoinedChannel {
  std::string channel_config_url;
  bool is_message_proxy = false;
  bool is_data_proxy = false;
  bool is_public = false;
  Json raw;  // with fields that we do not know: written back as they came
};

// The value of the mutable _joined_channels_config; extra fields are allowed everywhere.
Result<std::vector<JoinedChannel>> joined_channels_from_json(const Json& json);
Json to_json(const std::vector<JoinedChannel>& channels);

struct MirrorSource {
  std::string uri;  // sha1://... of a JSON file that holds URIs
  std::optional<std::string> label;
};

struct StaticConfig {
  std::vector<JoinedChannel> joined_channels;
  std::vector<MirrorSource> mirror_sources;
  static Result<StaticConfig> from_json(const Json& json);
};

}  // namespace kachery
