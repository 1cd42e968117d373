#include "wire/channel_info.h"

#include "base/limits.h"
#include "codec/json_fields.h"
#include "wire/fields.h"

namespace kachery {

namespace {

Json json_of(const std::vector<NodeId>& ids) {
  Json array = Json::array();
  for (const NodeId& id : ids) array.push(id.hex());
  return array;
}

}  // namespace

Result<ChannelNodeInfo> ChannelNodeInfo::from_json(const Json& body) {
  JsonFields fields(body, "channel node info");
  ChannelNodeInfo info;
  info.channel_config_url = url_field(fields, "channelConfigUrl");
  info.node_id = node_id_field(fields, "nodeId");
  info.node_label = fields.string("nodeLabel");
  if (fields.ok() && !is_node_label(info.node_label)) {
    fields.problem("nodeLabel", "must be a node label of at most 20 characters");
  }
  info.http_address = address_or_null_field(fields, "httpAddress");
  info.web_socket_address = address_or_null_field(fields, "webSocketAddress");
  info.public_udp_socket_address = address_or_null_field(fields, "publicUdpSocketAddress");
  info.is_message_proxy = fields.optional_boolean("isMessageProxy");
  info.is_data_proxy = fields.optional_boolean("isDataProxy");
  info.is_public = fields.optional_boolean("isPublic");
  info.message_proxies = node_ids_field(fields, "messageProxyWebsocketNodeIds", limits::proxies_per_node);
  info.data_proxies = node_ids_field(fields, "dataProxyWebsocketNodeIds", limits::proxies_per_node);
  info.timestamp = timestamp_field(fields, "timestamp");
  KACHERY_CHECK(fields.finish());
  return info;
}

Json ChannelNodeInfo::json() const {
  Json body = Json::object({{"channelConfigUrl", channel_config_url},
                            {"nodeId", node_id.hex()},
                            {"nodeLabel", node_label},
                            {"httpAddress", json_or_null(http_address)},
                            {"webSocketAddress", json_or_null(web_socket_address)},
                            {"publicUdpSocketAddress", json_or_null(public_udp_socket_address)}});
  if (is_message_proxy) body.set("isMessageProxy", *is_message_proxy);
  if (is_data_proxy) body.set("isDataProxy", *is_data_proxy);
  if (is_public) body.set("isPublic", *is_public);
  body.set("messageProxyWebsocketNodeIds", json_of(message_proxies));
  body.set("dataProxyWebsocketNodeIds", json_of(data_proxies));
  body.set("timestamp", timestamp);
  return body;
}

Result<SignedChannelNodeInfo> SignedChannelNodeInfo::parse_unverified(const Json& json) {
  JsonFields fields(json, "signed channel node info");
  const Json body = fields.object("body");
  const std::string signature = fields.string("signature");
  if (fields.ok() && !Signature::parse(signature)) {
    fields.problem("signature", "must be a signature of 128 hex digits");
  }
  KACHERY_CHECK(fields.finish());
  KACHERY_TRY(ChannelNodeInfo info, ChannelNodeInfo::from_json(body));
  return SignedChannelNodeInfo{std::move(info), json};
}

Result<SignedChannelNodeInfo> SignedChannelNodeInfo::parse(const Json& json) {
  KACHERY_TRY(SignedChannelNodeInfo info, parse_unverified(json));
  if (!verify_message(info.body.node_id, json)) {
    return fail(Errc::protocol, "channel node info of node {} must be signed by that node, and is not",
                info.body.node_id.brief());
  }
  return info;
}

SignedChannelNodeInfo SignedChannelNodeInfo::sign(const KeyPair& key, ChannelNodeInfo body) {
  Json message = sign_message(key, body.json());
  return {std::move(body), std::move(message)};
}

}  // namespace kachery
