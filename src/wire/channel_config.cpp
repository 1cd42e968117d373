#include "wire/channel_config.h"

#include <fmt/format.h>

#include "base/limits.h"
#include "wire/fields.h"

namespace kachery {

namespace {

// The items of the array `list`, each through `read(item, what)`, where `what` says which item of which field
// of which file it is.
template <class T, class Read>
Result<std::vector<T>> items(std::string_view file, std::string_view field, const Json& list, std::size_t max,
                             Read read) {
  if (list.size() > max) {
    return fail(Errc::too_large, "{}: {} must have at most {} items, has {}", file, field, max, list.size());
  }
  std::vector<T> out;
  out.reserve(list.size());
  for (std::size_t i = 0; i < list.size(); ++i) {
    KACHERY_TRY(T item, read(list[i], fmt::format("{}: {}[{}]", file, field, i)));
    out.push_back(std::move(item));
  }
  return out;
}

// An array; an empty one if the field is absent or, as YAML writes an empty list's key, null.
Json optional_list(JsonFields& fields, std::string_view name) {
  const std::optional<Json> list = fields.optional_any(name);
  if (!list || list->is_null()) return Json::array();
  if (!list->is_array()) fields.problem(name, "must be a list");
  return *list;
}

Result<Address> bootstrap_address(const Json& json, const std::string& what) {
  auto address = Address::from_json(json);
  if (!address) return fail(address.error().code, "{}: {}", what, address.error().message);
  return address;
}

Result<AuthorizedNode> authorized_node(const Json& json, const std::string& what) {
  JsonFields fields(json, what);
  AuthorizedNode node;
  node.node_id = node_id_field(fields, "nodeId");
  node.node_label = fields.string("nodeLabel");
  if (fields.ok() && !is_node_label(node.node_label)) {
    fields.problem("nodeLabel",
                   "must have at most 20 letters, digits, @, inner hyphens, or parts of them joined by dots");
  }
  node.is_admin = fields.optional_boolean("isAdmin").value_or(false);
  node.is_message_proxy = fields.optional_boolean("isMessageProxy").value_or(false);
  node.is_data_proxy = fields.optional_boolean("isDataProxy").value_or(false);
  node.is_public = fields.optional_boolean("isPublic").value_or(false);
  KACHERY_CHECK(fields.finish_lenient());
  return node;
}

Result<JoinedChannel> joined_channel(const Json& json, const std::string& what) {
  JsonFields fields(json, what);
  JoinedChannel channel;
  channel.channel_config_url = url_field(fields, "channelConfigUrl");
  channel.is_message_proxy = fields.optional_boolean("isMessageProxy").value_or(false);
  channel.is_data_proxy = fields.optional_boolean("isDataProxy").value_or(false);
  channel.is_public = fields.optional_boolean("isPublic").value_or(false);
  KACHERY_CHECK(fields.finish_lenient());
  channel.raw = json;
  return channel;
}

Result<MirrorSource> mirror_source(const Json& json, const std::string& what) {
  JsonFields fields(json, what);
  MirrorSource source;
  source.uri = fields.string("uri");
  source.label = fields.optional_string("label");
  KACHERY_CHECK(fields.finish_lenient());
  return source;
}

Json own_fields(const JoinedChannel& channel) {
  Json json = Json::object({{"channelConfigUrl", channel.channel_config_url}});
  if (channel.raw.is_object()) {
    for (const auto& [name, value] : channel.raw.members()) {
      if (name != "channelConfigUrl") json.set(name, value);
    }
  }
  return json;
}

// A flag that was absent and is false stays absent.
void set_flag(Json& json, std::string_view name, bool value) {
  if (value || json.contains(name)) json.set(name, value);
}

}  // namespace

Result<ChannelConfig> ChannelConfig::from_json(const Json& json) {
  constexpr std::string_view what = "channel configuration";
  JsonFields fields(json, what);
  ChannelConfig config;
  config.channel_label = fields.string("channelLabel");
  if (fields.ok() && !is_channel_label(config.channel_label)) {
    fields.problem("channelLabel", "must have 4 to 160 letters, digits, underscores, dots or hyphens");
  }
  const Json addresses = fields.array("bootstrapAddresses");
  const Json nodes = fields.array("authorizedNodes");
  KACHERY_CHECK(fields.finish_lenient());
  KACHERY_TRY(config.bootstrap_addresses,
              items<Address>(what, "bootstrapAddresses", addresses, limits::bootstraps, bootstrap_address));
  KACHERY_TRY(config.authorized_nodes, items<AuthorizedNode>(what, "authorizedNodes", nodes,
                                                             limits::authorized_nodes, authorized_node));
  return config;
}

const AuthorizedNode* ChannelConfig::find(const NodeId& node) const {
  for (const AuthorizedNode& authorized : authorized_nodes) {
    if (authorized.node_id == node) return &authorized;
  }
  return nullptr;
}

Result<std::vector<JoinedChannel>> joined_channels_from_json(const Json& json) {
  constexpr std::string_view what = "joined channels";
  JsonFields fields(json, what);
  const Json channels = fields.array("joinedChannels");
  KACHERY_CHECK(fields.finish_lenient());
  return items<JoinedChannel>(what, "joinedChannels", channels, limits::channels, joined_channel);
}

Json to_json(const std::vector<JoinedChannel>& channels) {
  Json array = Json::array();
  for (const JoinedChannel& channel : channels) {
    Json json = own_fields(channel);
    set_flag(json, "isMessageProxy", channel.is_message_proxy);
    set_flag(json, "isDataProxy", channel.is_data_proxy);
    set_flag(json, "isPublic", channel.is_public);
    array.push(json);
  }
  return Json::object({{"joinedChannels", array}});
}

Result<StaticConfig> StaticConfig::from_json(const Json& json) {
  constexpr std::string_view what = "static configuration";
  JsonFields fields(json, what);
  const Json channels = optional_list(fields, "joinedChannels");
  const Json sources = optional_list(fields, "mirrorSources");
  KACHERY_CHECK(fields.finish_lenient());
  StaticConfig config;
  KACHERY_TRY(config.joined_channels,
              items<JoinedChannel>(what, "joinedChannels", channels, limits::channels, joined_channel));
  KACHERY_TRY(config.mirror_sources,
              items<MirrorSource>(what, "mirrorSources", sources, limits::mirror_sources, mirror_source));
  return config;
}

}  // namespace kachery
