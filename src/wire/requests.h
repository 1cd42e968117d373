// Node-to-node requests and responses (protocol.md section 7): strict to parse, exact to write.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "codec/file_key.h"
#include "codec/json.h"
#include "crypto/keys.h"
#include "wire/channel_info.h"

namespace kachery {

// ---- request data, one struct a requestType

struct CheckAliveRequest {};
struct GetChannelInfoRequest {
  std::string channel_config_url;
};
struct AnnounceRequest {
  SignedChannelNodeInfo info;
};
struct CheckForFileRequest {
  FileKey file_key;
};
struct DownloadFileDataRequest {
  FileKey file_key;
  std::uint64_t start = 0;
  std::optional<std::uint64_t> end;  // nothing: to the end
};
struct CheckForLiveFeedRequest {
  FeedId feed_id;
};
struct SubscribeToSubfeedRequest {
  FeedId feed_id;
  Sha1 subfeed_hash;
};
struct ReportNewSubfeedMessagesRequest {
  FeedId feed_id;
  Sha1 subfeed_hash;
  std::uint64_t num_messages = 0;
};
struct DownloadSubfeedMessagesRequest {
  FeedId feed_id;
  Sha1 subfeed_hash;
  std::uint64_t position = 0;
  std::uint64_t num_messages = 0;
};
struct SubmitMessageToLiveFeedRequest {
  FeedId feed_id;
  Sha1 subfeed_hash;
  Json message;
};
struct StartStreamViaUdpRequest {
  StreamId stream_id;
};
struct StopStreamViaUdpRequest {
  StreamId stream_id;
};
struct FallbackUdpPacketRequest {
  std::string data_base64;
  PacketId packet_id;
};
struct UnknownRequest {
  std::string type;
};  // well-formed, of a type that we do not know

using RequestData =
    std::variant<CheckAliveRequest, GetChannelInfoRequest, AnnounceRequest, CheckForFileRequest,
                 DownloadFileDataRequest, CheckForLiveFeedRequest, SubscribeToSubfeedRequest,
                 ReportNewSubfeedMessagesRequest, DownloadSubfeedMessagesRequest,
                 SubmitMessageToLiveFeedRequest, StartStreamViaUdpRequest, StopStreamViaUdpRequest,
                 FallbackUdpPacketRequest, UnknownRequest>;

Result<RequestData> request_data_from_json(const Json& json);
Json to_json(const RequestData& data);
std::string_view request_type(const RequestData& data);

struct Request {
  RequestId request_id;
  NodeId from;
  NodeId to;
  std::int64_t timestamp = 0;  // ms since the epoch
  std::int64_t timeout_ms = 0;
  RequestData data;
  Json raw;  // the whole signed message

  // Checks form, protocol version (Errc::protocol with "protocol version" in the message) and signature.
  static Result<Request> parse(const Json& message);
  static Request sign(const KeyPair& key, const NodeId& to, RequestData data, std::int64_t now_ms,
                      std::int64_t timeout_ms);
};

// ---- response data

struct CheckAliveResponse {
  bool alive = true;
};
struct GetChannelInfoResponse {
  std::vector<SignedChannelNodeInfo> nodes;
};  // parse: forms checked, signatures not (see below)
struct AnnounceResponse {
  bool success = false;
  std::optional<std::string> error;
};
struct CheckForFileResponse {
  bool found = false;
  std::optional<std::uint64_t> size;
};  // size: when found
struct DownloadFileDataResponse {
  FileKey file_key;
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  bool success = false;
  std::optional<StreamId> stream_id;
  std::optional<std::string> error;
};
struct CheckForLiveFeedResponse {
  bool found = false;
};
struct SubscribeToSubfeedResponse {
  bool success = false;
  std::uint64_t num_messages = 0;
  std::optional<std::string> error;
};
struct ReportNewSubfeedMessagesResponse {
  bool success = false;
  std::optional<std::string> error;
};
struct DownloadSubfeedMessagesResponse {
  bool success = false;
  std::optional<StreamId> stream_id;
  std::optional<std::string> error;
};
struct SubmitMessageToLiveFeedResponse {
  bool success = false;
  std::optional<std::string> error;
};
struct StartStreamViaUdpResponse {
  bool success = false;
  std::optional<std::string> error;
};
struct StopStreamViaUdpResponse {
  bool success = false;
  std::optional<std::string> error;
};
struct FallbackUdpPacketResponse {
  bool success = false;
  std::optional<std::string> error;
};

using ResponseData =
    std::variant<CheckAliveResponse, GetChannelInfoResponse, AnnounceResponse, CheckForFileResponse,
                 DownloadFileDataResponse, CheckForLiveFeedResponse, SubscribeToSubfeedResponse,
                 ReportNewSubfeedMessagesResponse, DownloadSubfeedMessagesResponse,
                 SubmitMessageToLiveFeedResponse, StartStreamViaUdpResponse, StopStreamViaUdpResponse,
                 FallbackUdpPacketResponse>;

// GetChannelInfoResponse: one bad info is left out rather than making the whole answer worthless.
Result<ResponseData> response_data_from_json(const Json& json);
Json to_json(const ResponseData& data);
std::string_view response_type(const ResponseData& data);

struct Response {
  RequestId request_id;
  NodeId from;
  NodeId to;
  std::int64_t timestamp = 0;
  ResponseData data;
  Json raw;

  // Checks form and signature.
  static Result<Response> parse(const Json& message);
  // Answers `request`: ids taken from it, from and to swapped.
  static Response sign(const KeyPair& key, const Request& request, ResponseData data, std::int64_t now_ms);
  // Section 7's rules for the requester: type, ids, and a timestamp not more than 1 s older than the
  // request's.
  Status check_answers(const Request& request) const;
};

// ---- probe (section 6)

struct ProbeResponse {
  std::string daemon_version;
  NodeId node_id;
  bool is_bootstrap = false;
  std::optional<Address> web_socket_address;
  std::optional<Address> public_udp_socket_address;

  // `protocolVersion` other than ours: Errc::protocol. Unknown fields are refused.
  static Result<ProbeResponse> from_json(const Json& json);
  Json json() const;  // with success and protocolVersion
};

}  // namespace kachery
