// The typed messages: what is accepted is written and read back the same. Bodies are signed again with a
// fixed key, so that the fuzzer gets past the signatures.
#include <array>
#include <string>

#include "crypto/keys.h"
#include "fuzz/fuzz.h"
#include "wire/channel_config.h"
#include "wire/requests.h"

using namespace kachery;

namespace {

const KeyPair& key() {
  static const KeyPair pair = KeyPair::from_seed(std::array<std::uint8_t, 32>{7});
  return pair;
}

// T::from_json(x).json() is a fixed point, and so is the value.
template <class T>
void check_both_ways(const Json& json) {
  const auto value = T::from_json(json);
  if (!value) return;
  const Json written = value->json();
  const auto again = T::from_json(written);
  FUZZ_CHECK(again);
  FUZZ_CHECK(again->json() == written);
}

template <class Data>
void check_data(Result<Data> (*from_json)(const Json&), const Json& json) {
  const auto data = from_json(json);
  if (!data) return;
  const Json written = to_json(*data);
  const auto again = from_json(written);
  FUZZ_CHECK(again);
  FUZZ_CHECK(again->index() == data->index());
  FUZZ_CHECK(to_json(*again) == written);
}

// `message` with `field` of its body naming our key, signed by it.
Json signed_by_us(const Json& message, std::string_view field) {
  Json body = Json::object();
  for (const auto& [name, value] : message["body"].members()) body.set(name, value);
  body.set(field, key().public_key().hex());
  return sign_message(key(), body);
}

void check_request(const Json& message) {
  (void)Request::parse(message);
  const Json ours = signed_by_us(message, "fromNodeId");
  const auto request = Request::parse(ours);
  if (!request) return;
  FUZZ_CHECK(request->from == key().public_key());
  FUZZ_CHECK(request->raw == ours);
  if (std::holds_alternative<UnknownRequest>(request->data)) return;
  const Request again =
      Request::sign(key(), request->to, request->data, request->timestamp, request->timeout_ms);
  const auto parsed = Request::parse(again.raw);
  FUZZ_CHECK(parsed);
  FUZZ_CHECK(parsed->request_id == again.request_id && parsed->to == request->to);
  FUZZ_CHECK(to_json(parsed->data) == to_json(request->data));
}

void check_response(const Json& message) {
  (void)Response::parse(message);
  const Json ours = signed_by_us(message, "fromNodeId");
  const auto response = Response::parse(ours);
  if (!response) return;
  FUZZ_CHECK(response->from == key().public_key());
  FUZZ_CHECK(response->raw == ours);
}

void check_info(const Json& json) {
  check_both_ways<ChannelNodeInfo>(json["body"]);
  (void)SignedChannelNodeInfo::parse_unverified(json);
  const auto info = SignedChannelNodeInfo::parse(signed_by_us(json, "nodeId"));
  if (!info) return;
  const SignedChannelNodeInfo again = SignedChannelNodeInfo::sign(key(), info->body);
  const auto parsed = SignedChannelNodeInfo::parse(again.raw);
  FUZZ_CHECK(parsed && parsed->body.json() == info->body.json());
}

void check_configs(const Json& json) {
  if (const auto config = ChannelConfig::from_json(json)) {
    for (const AuthorizedNode& node : config->authorized_nodes)
      FUZZ_CHECK(config->find(node.node_id) != nullptr);
  }
  (void)StaticConfig::from_json(json);
  if (const auto joined = joined_channels_from_json(json)) {
    const Json written = to_json(*joined);
    const auto again = joined_channels_from_json(written);
    FUZZ_CHECK(again && again->size() == joined->size());
    FUZZ_CHECK(to_json(*again) == written);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Input input(data, size);
  const auto json = Json::parse(input.rest());
  if (!json) return 0;
  if (json->contains("body")) {
    check_request(*json);
    check_response(*json);
    check_info(*json);
    return 0;
  }
  check_both_ways<ProbeResponse>(*json);
  check_both_ways<Address>(*json);
  check_data<RequestData>(request_data_from_json, *json);
  check_data<ResponseData>(response_data_from_json, *json);
  check_configs(*json);
  return 0;
}
