#include "base/log.h"
#include "wire/fields.h"
#include "wire/requests.h"

namespace kachery {

Result<ProbeResponse> ProbeResponse::from_json(const Json& json) {
  JsonFields fields(json, "probe response");
  const std::string version = fields.string("protocolVersion");
  if (fields.ok() && version != protocol_version) {
    return fail(Errc::protocol, "protocol version of the probed node must be {}, got \"{}\"",
                protocol_version, escaped(version, 40));
  }
  const bool success = fields.boolean("success");
  if (fields.ok() && !success) fields.problem("success", "must be true");
  ProbeResponse response;
  response.daemon_version = fields.string("daemonVersion");
  if (fields.ok() && !is_daemon_version(response.daemon_version)) {
    fields.problem("daemonVersion", "must have 4 to 40 letters, digits, dots, spaces or hyphens");
  }
  response.node_id = node_id_field(fields, "nodeId");
  response.is_bootstrap = fields.boolean("isBootstrapNode");
  response.web_socket_address = address_or_null_field(fields, "webSocketAddress");
  response.public_udp_socket_address = address_or_null_field(fields, "publicUdpSocketAddress");
  KACHERY_CHECK(fields.finish());
  return response;
}

Json ProbeResponse::json() const {
  return Json::object({{"success", true},
                       {"protocolVersion", protocol_version},
                       {"daemonVersion", daemon_version},
                       {"nodeId", node_id.hex()},
                       {"isBootstrapNode", is_bootstrap},
                       {"webSocketAddress", json_or_null(web_socket_address)},
                       {"publicUdpSocketAddress", json_or_null(public_udp_socket_address)}});
}

}  // namespace kachery
