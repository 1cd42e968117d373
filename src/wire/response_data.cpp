#include <array>
#include <type_traits>

#include "base/limits.h"
#include "base/log.h"
#include "wire/fields.h"
#include "wire/requests.h"

namespace kachery {

namespace {

// ---- parsing: one reader a requestType; the type itself has been read, finish() is the caller's

// The responses that only say whether it worked.
template <class T>
T read_outcome(JsonFields& f) {
  T response;
  response.success = f.boolean("success");
  response.error = error_message_field(f, "errorMessage");
  return response;
}

ResponseData read(std::type_identity<CheckAliveResponse>, JsonFields& f) {
  return CheckAliveResponse{f.boolean("alive")};
}

ResponseData read(std::type_identity<GetChannelInfoResponse>, JsonFields& f) {
  GetChannelInfoResponse response;
  const Json info = f.object("channelInfo");
  if (!f.ok()) return response;
  JsonFields inner(info, "channel info");
  const Json nodes = inner.array("nodes");
  if (const Status status = inner.finish(); !status) {
    f.problem("channelInfo", status.error().message);
    return response;
  }
  for (std::size_t i = 0; i < nodes.size() && response.nodes.size() < limits::infos_per_channel; ++i) {
    auto node = SignedChannelNodeInfo::parse_unverified(nodes[i]);
    if (node) {
      response.nodes.push_back(*std::move(node));
    } else {
      log_debug("left out item {} of a channel info: {}", i, node.error().message);
    }
  }
  return response;
}

ResponseData read(std::type_identity<AnnounceResponse>, JsonFields& f) {
  return read_outcome<AnnounceResponse>(f);
}

ResponseData read(std::type_identity<CheckForFileResponse>, JsonFields& f) {
  CheckForFileResponse response;
  response.found = f.boolean("found");
  response.size = position_or_null_field(f, "size");
  if (f.ok() && response.found && !response.size) f.problem("size", "must be a number when found");
  if (!response.found) response.size.reset();
  return response;
}

ResponseData read(std::type_identity<DownloadFileDataResponse>, JsonFields& f) {
  DownloadFileDataResponse response;
  response.file_key = file_key_field(f, "fileKey");
  response.start = position_field(f, "startByte");
  response.end = position_field(f, "endByte");
  response.success = f.boolean("success");
  response.stream_id = letters_or_null_field<StreamId>(f, "streamId");
  response.error = error_message_field(f, "errorMessage");
  if (f.ok() && response.success && !response.stream_id) {
    f.problem("streamId", "must be a stream id when success is true");
  }
  return response;
}

ResponseData read(std::type_identity<CheckForLiveFeedResponse>, JsonFields& f) {
  return CheckForLiveFeedResponse{f.boolean("found")};
}

ResponseData read(std::type_identity<SubscribeToSubfeedResponse>, JsonFields& f) {
  SubscribeToSubfeedResponse response;
  response.success = f.boolean("success");
  // 0.8.31 answers null when it fails.
  response.num_messages = position_or_null_field(f, "numMessages").value_or(0);
  response.error = error_message_field(f, "errorMessage");
  return response;
}

ResponseData read(std::type_identity<ReportNewSubfeedMessagesResponse>, JsonFields& f) {
  return read_outcome<ReportNewSubfeedMessagesResponse>(f);
}

ResponseData read(std::type_identity<DownloadSubfeedMessagesResponse>, JsonFields& f) {
  DownloadSubfeedMessagesResponse response;
  response.success = f.boolean("success");
  response.stream_id = letters_or_null_field<StreamId>(f, "streamId");
  response.error = error_message_field(f, "errorMessage");
  if (f.ok() && response.success && !response.stream_id) {
    f.problem("streamId", "must be a stream id when success is true");
  }
  return response;
}

ResponseData read(std::type_identity<SubmitMessageToLiveFeedResponse>, JsonFields& f) {
  return read_outcome<SubmitMessageToLiveFeedResponse>(f);
}

ResponseData read(std::type_identity<StartStreamViaUdpResponse>, JsonFields& f) {
  return read_outcome<StartStreamViaUdpResponse>(f);
}

ResponseData read(std::type_identity<StopStreamViaUdpResponse>, JsonFields& f) {
  return read_outcome<StopStreamViaUdpResponse>(f);
}

ResponseData read(std::type_identity<FallbackUdpPacketResponse>, JsonFields& f) {
  return read_outcome<FallbackUdpPacketResponse>(f);
}

// ---- writing: the fields beside requestType

Json error_or_null(const std::optional<std::string>& error) {
  return error ? Json(fitting_error_message(*error)) : Json(nullptr);
}

void write(const CheckAliveResponse& response, Json& json) {
  json.set("alive", response.alive);
}

void write(const GetChannelInfoResponse& response, Json& json) {
  Json nodes = Json::array();
  for (const SignedChannelNodeInfo& node : response.nodes) nodes.push(node.raw);
  json.set("channelInfo", Json::object({{"nodes", nodes}}));
}

// A number also when not found: 0.8.31 answers so.
void write(const CheckForFileResponse& response, Json& json) {
  json.set("found", response.found);
  json.set("size", response.size.value_or(0));
}

void write(const DownloadFileDataResponse& response, Json& json) {
  json.set("fileKey", response.file_key.json());
  json.set("startByte", response.start);
  json.set("endByte", response.end);
  json.set("success", response.success);
  json.set("streamId", json_or_null(response.stream_id));
  json.set("errorMessage", error_or_null(response.error));
}

void write(const CheckForLiveFeedResponse& response, Json& json) {
  json.set("found", response.found);
}

void write(const SubscribeToSubfeedResponse& response, Json& json) {
  json.set("success", response.success);
  json.set("numMessages", response.num_messages);
  json.set("errorMessage", error_or_null(response.error));
}

void write(const DownloadSubfeedMessagesResponse& response, Json& json) {
  json.set("success", response.success);
  json.set("streamId", json_or_null(response.stream_id));
  json.set("errorMessage", error_or_null(response.error));
}

template <class T>
void write(const T& response, Json& json) {
  json.set("success", response.success);
  json.set("errorMessage", error_or_null(response.error));
}

// ---- the table of types, in the variant's order

struct TypeEntry {
  std::string_view name;
  ResponseData (*read)(JsonFields&);
};

template <class T>
constexpr TypeEntry entry(std::string_view name) {
  return {name, [](JsonFields& f) { return read(std::type_identity<T>{}, f); }};
}

constexpr std::array types{
    entry<CheckAliveResponse>("checkAlive"),
    entry<GetChannelInfoResponse>("getChannelInfo"),
    entry<AnnounceResponse>("announce"),
    entry<CheckForFileResponse>("checkForFile"),
    entry<DownloadFileDataResponse>("downloadFileData"),
    entry<CheckForLiveFeedResponse>("checkForLiveFeed"),
    entry<SubscribeToSubfeedResponse>("subscribeToSubfeed"),
    entry<ReportNewSubfeedMessagesResponse>("reportNewSubfeedMessages"),
    entry<DownloadSubfeedMessagesResponse>("downloadSubfeedMessages"),
    entry<SubmitMessageToLiveFeedResponse>("submitMessageToLiveFeed"),
    entry<StartStreamViaUdpResponse>("startStreamViaUdp"),
    entry<StopStreamViaUdpResponse>("stopStreamViaUdp"),
    entry<FallbackUdpPacketResponse>("fallbackUdpPacket"),
};
static_assert(types.size() == std::variant_size_v<ResponseData>);

}  // namespace

Result<ResponseData> response_data_from_json(const Json& json) {
  JsonFields fields(json, "response data");
  const std::string type = fields.string("requestType");
  if (!fields.ok()) return tl::unexpected<Error>(fields.finish_lenient().error());
  for (const TypeEntry& known : types) {
    if (known.name != type) continue;
    ResponseData data = known.read(fields);
    KACHERY_CHECK(fields.finish());
    return data;
  }
  return fail(Errc::invalid, "response data must be of a known type, got \"{}\"", escaped(type, 80));
}

std::string_view response_type(const ResponseData& data) {
  return types.at(data.index()).name;
}

Json to_json(const ResponseData& data) {
  Json json = Json::object({{"requestType", response_type(data)}});
  std::visit([&json](const auto& response) { write(response, json); }, data);
  return json;
}

}  // namespace kachery
