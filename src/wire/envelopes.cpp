#include <algorithm>
#include <cmath>

#include "base/limits.h"
#include "base/log.h"
#include "wire/fields.h"
#include "wire/requests.h"

namespace kachery {

namespace {

// The fields that requests and responses have in common.
struct Envelope {
  std::optional<RequestId> request_id;
  NodeId from;
  NodeId to;
  std::int64_t timestamp = 0;
};

// Takes {body, signature} apart.
Result<Json> body_of(const Json& message, std::string_view what) {
  JsonFields fields(message, what);
  Json body = fields.object("body");
  const std::string signature = fields.string("signature");
  if (fields.ok() && !Signature::parse(signature)) {
    fields.problem("signature", "must be a signature of 128 hex digits");
  }
  KACHERY_CHECK(fields.finish());
  return body;
}

Status check_version(JsonFields& fields, std::string_view what) {
  const std::string version = fields.string("protocolVersion");
  if (!fields.ok()) return fields.finish_lenient();
  if (version != protocol_version) {
    return fail(Errc::protocol, "protocol version of the {} must be {}, got \"{}\"", what, protocol_version,
                escaped(version, 40));
  }
  return {};
}

Envelope read_envelope(JsonFields& fields) {
  Envelope envelope;
  envelope.request_id = letters_field<RequestId>(fields, "requestId");
  envelope.from = node_id_field(fields, "fromNodeId");
  envelope.to = node_id_field(fields, "toNodeId");
  envelope.timestamp = timestamp_field(fields, "timestamp");
  return envelope;
}

// 0.8.31 divides its time-outs by its speed-up factor, so that fractions occur.
std::int64_t timeout_field(JsonFields& fields, std::string_view name) {
  const double value = fields.number(name);
  if (!fields.ok()) return 0;
  if (!(value >= 0)) {
    fields.problem(name, "must not be negative");
    return 0;
  }
  constexpr double longest = 1e12;
  return static_cast<std::int64_t>(std::floor(std::min(value, longest)));
}

Status check_signature(const NodeId& signer, const Json& message, std::string_view what) {
  if (verify_message(signer, message)) return {};
  return fail(Errc::unauthorized, "invalid signature: {} must be signed by its sender {}", what,
              signer.brief());
}

}  // namespace

Result<Request> Request::parse(const Json& message) {
  constexpr std::string_view what = "node-to-node request";
  KACHERY_TRY(const Json body, body_of(message, what));
  JsonFields fields(body, what);
  KACHERY_CHECK(check_version(fields, what));
  const Envelope envelope = read_envelope(fields);
  const std::int64_t timeout_ms = timeout_field(fields, "timeoutMsec");
  const Json data_json = fields.object("requestData");
  KACHERY_CHECK(fields.finish());
  KACHERY_CHECK(check_signature(envelope.from, message, what));
  KACHERY_TRY(RequestData data, request_data_from_json(data_json));
  return Request{*envelope.request_id, envelope.from,   envelope.to, envelope.timestamp,
                 timeout_ms,           std::move(data), message};
}

Request Request::sign(const KeyPair& key, const NodeId& to, RequestData data, std::int64_t now_ms,
                      std::int64_t timeout_ms) {
  const RequestId id = RequestId::random();
  Json message = sign_message(key, Json::object({{"protocolVersion", protocol_version},
                                                 {"requestId", id.str()},
                                                 {"fromNodeId", key.public_key().hex()},
                                                 {"toNodeId", to.hex()},
                                                 {"timestamp", now_ms},
                                                 {"timeoutMsec", timeout_ms},
                                                 {"requestData", to_json(data)}}));
  return Request{id, key.public_key(), to, now_ms, timeout_ms, std::move(data), std::move(message)};
}

Result<Response> Response::parse(const Json& message) {
  constexpr std::string_view what = "node-to-node response";
  KACHERY_TRY(const Json body, body_of(message, what));
  JsonFields fields(body, what);
  KACHERY_CHECK(check_version(fields, what));
  const Envelope envelope = read_envelope(fields);
  const Json data_json = fields.object("responseData");
  KACHERY_CHECK(fields.finish());
  KACHERY_CHECK(check_signature(envelope.from, message, what));
  KACHERY_TRY(ResponseData data, response_data_from_json(data_json));
  return Response{*envelope.request_id, envelope.from,   envelope.to,
                  envelope.timestamp,   std::move(data), message};
}

Response Response::sign(const KeyPair& key, const Request& request, ResponseData data, std::int64_t now_ms) {
  Json message = sign_message(key, Json::object({{"protocolVersion", protocol_version},
                                                 {"requestId", request.request_id.str()},
                                                 {"fromNodeId", key.public_key().hex()},
                                                 {"toNodeId", request.from.hex()},
                                                 {"timestamp", now_ms},
                                                 {"responseData", to_json(data)}}));
  return Response{request.request_id, key.public_key(),  request.from, now_ms,
                  std::move(data),    std::move(message)};
}

Status Response::check_answers(const Request& request) const {
  if (request_id != request.request_id) {
    return fail(Errc::protocol, "response must have the request id {}, got {}", request.request_id.str(),
                request_id.str());
  }
  if (from != request.to) {
    return fail(Errc::protocol, "response must come from node {}, came from {}", request.to.brief(),
                from.brief());
  }
  if (to != request.from) {
    return fail(Errc::protocol, "response must be for node {}, is for {}", request.from.brief(), to.brief());
  }
  if (response_type(data) != request_type(request.data)) {
    return fail(Errc::protocol, "response must be of type {}, is of type {}",
                escaped(request_type(request.data), 80), response_type(data));
  }
  constexpr std::int64_t tolerance_ms = 1'000;
  if (timestamp < request.timestamp - tolerance_ms) {
    return fail(Errc::protocol,
                "response must not be dated more than {} ms before its request, is dated {} ms before it",
                tolerance_ms, request.timestamp - timestamp);
  }
  return {};
}

}  // namespace kachery
