#include <array>
#include <type_traits>

#include "wire/fields.h"
#include "wire/requests.h"

namespace kachery {

namespace {

// ---- parsing: one reader a requestType; the type itself has been read, finish() is the caller's

RequestData read(std::type_identity<CheckAliveRequest>, JsonFields&) {
  return CheckAliveRequest{};
}

RequestData read(std::type_identity<GetChannelInfoRequest>, JsonFields& f) {
  return GetChannelInfoRequest{url_field(f, "channelConfigUrl")};
}

RequestData read(std::type_identity<AnnounceRequest>, JsonFields& f) {
  const Json json = f.object("channelNodeInfo");
  if (!f.ok()) return AnnounceRequest{};
  auto info = SignedChannelNodeInfo::parse(json);
  if (!info) {
    f.problem("channelNodeInfo", info.error().message);
    return AnnounceRequest{};
  }
  return AnnounceRequest{*std::move(info)};
}

RequestData read(std::type_identity<CheckForFileRequest>, JsonFields& f) {
  return CheckForFileRequest{file_key_field(f, "fileKey")};
}

RequestData read(std::type_identity<DownloadFileDataRequest>, JsonFields& f) {
  DownloadFileDataRequest request;
  request.file_key = file_key_field(f, "fileKey");
  request.start = position_field(f, "startByte");
  request.end = position_or_null_field(f, "endByte");
  return request;
}

RequestData read(std::type_identity<CheckForLiveFeedRequest>, JsonFields& f) {
  return CheckForLiveFeedRequest{feed_id_field(f, "feedId")};
}

RequestData read(std::type_identity<SubscribeToSubfeedRequest>, JsonFields& f) {
  SubscribeToSubfeedRequest request;
  request.feed_id = feed_id_field(f, "feedId");
  request.subfeed_hash = sha1_field(f, "subfeedHash");
  return request;
}

RequestData read(std::type_identity<ReportNewSubfeedMessagesRequest>, JsonFields& f) {
  ReportNewSubfeedMessagesRequest request;
  request.feed_id = feed_id_field(f, "feedId");
  request.subfeed_hash = sha1_field(f, "subfeedHash");
  request.num_messages = position_field(f, "numMessages");
  return request;
}

RequestData read(std::type_identity<DownloadSubfeedMessagesRequest>, JsonFields& f) {
  DownloadSubfeedMessagesRequest request;
  request.feed_id = feed_id_field(f, "feedId");
  request.subfeed_hash = sha1_field(f, "subfeedHash");
  request.position = position_field(f, "position");
  request.num_messages = position_field(f, "numMessages");
  return request;
}

RequestData read(std::type_identity<SubmitMessageToLiveFeedRequest>, JsonFields& f) {
  SubmitMessageToLiveFeedRequest request;
  request.feed_id = feed_id_field(f, "feedId");
  request.subfeed_hash = sha1_field(f, "subfeedHash");
  request.message = f.any("message");
  return request;
}

// What stands for an id that could not be read; the recorded problem keeps it from being used.
StreamId unusable_stream_id() {
  return *StreamId::parse("AAAAAAAAAA");
}

RequestData read(std::type_identity<StartStreamViaUdpRequest>, JsonFields& f) {
  return StartStreamViaUdpRequest{letters_field<StreamId>(f, "streamId").value_or(unusable_stream_id())};
}

RequestData read(std::type_identity<StopStreamViaUdpRequest>, JsonFields& f) {
  return StopStreamViaUdpRequest{letters_field<StreamId>(f, "streamId").value_or(unusable_stream_id())};
}

RequestData read(std::type_identity<FallbackUdpPacketRequest>, JsonFields& f) {
  std::string data = f.string("dataBase64");
  const auto packet = letters_field<PacketId>(f, "packetId");
  return FallbackUdpPacketRequest{std::move(data), packet.value_or(*PacketId::parse("AAAAAAAAAA"))};
}

// ---- writing: the fields beside requestType

void write(const CheckAliveRequest&, Json&) {}

void write(const GetChannelInfoRequest& request, Json& json) {
  json.set("channelConfigUrl", request.channel_config_url);
}

void write(const AnnounceRequest& request, Json& json) {
  json.set("channelNodeInfo", request.info.raw);
}

void write(const CheckForFileRequest& request, Json& json) {
  json.set("fileKey", request.file_key.json());
}

void write(const DownloadFileDataRequest& request, Json& json) {
  json.set("fileKey", request.file_key.json());
  json.set("startByte", request.start);
  json.set("endByte", json_or_null(request.end));
}

void write(const CheckForLiveFeedRequest& request, Json& json) {
  json.set("feedId", request.feed_id.hex());
}

void write(const SubscribeToSubfeedRequest& request, Json& json) {
  json.set("feedId", request.feed_id.hex());
  json.set("subfeedHash", request.subfeed_hash.hex());
}

void write(const ReportNewSubfeedMessagesRequest& request, Json& json) {
  json.set("feedId", request.feed_id.hex());
  json.set("subfeedHash", request.subfeed_hash.hex());
  json.set("numMessages", request.num_messages);
}

void write(const DownloadSubfeedMessagesRequest& request, Json& json) {
  json.set("feedId", request.feed_id.hex());
  json.set("subfeedHash", request.subfeed_hash.hex());
  json.set("position", request.position);
  json.set("numMessages", request.num_messages);
}

void write(const SubmitMessageToLiveFeedRequest& request, Json& json) {
  json.set("feedId", request.feed_id.hex());
  json.set("subfeedHash", request.subfeed_hash.hex());
  json.set("message", request.message);
}

void write(const StartStreamViaUdpRequest& request, Json& json) {
  json.set("streamId", request.stream_id.str());
}

void write(const StopStreamViaUdpRequest& request, Json& json) {
  json.set("streamId", request.stream_id.str());
}

void write(const FallbackUdpPacketRequest& request, Json& json) {
  json.set("dataBase64", request.data_base64);
  json.set("packetId", request.packet_id.str());
}

void write(const UnknownRequest&, Json&) {}

// ---- the table of types, in the variant's order (UnknownRequest, the last alternative, has no entry)

struct TypeEntry {
  std::string_view name;
  RequestData (*read)(JsonFields&);
};

template <class T>
constexpr TypeEntry entry(std::string_view name) {
  return {name, [](JsonFields& f) { return read(std::type_identity<T>{}, f); }};
}

constexpr std::array types{
    entry<CheckAliveRequest>("checkAlive"),
    entry<GetChannelInfoRequest>("getChannelInfo"),
    entry<AnnounceRequest>("announce"),
    entry<CheckForFileRequest>("checkForFile"),
    entry<DownloadFileDataRequest>("downloadFileData"),
    entry<CheckForLiveFeedRequest>("checkForLiveFeed"),
    entry<SubscribeToSubfeedRequest>("subscribeToSubfeed"),
    entry<ReportNewSubfeedMessagesRequest>("reportNewSubfeedMessages"),
    entry<DownloadSubfeedMessagesRequest>("downloadSubfeedMessages"),
    entry<SubmitMessageToLiveFeedRequest>("submitMessageToLiveFeed"),
    entry<StartStreamViaUdpRequest>("startStreamViaUdp"),
    entry<StopStreamViaUdpRequest>("stopStreamViaUdp"),
    entry<FallbackUdpPacketRequest>("fallbackUdpPacket"),
};
static_assert(types.size() + 1 == std::variant_size_v<RequestData>);

}  // namespace

Result<RequestData> request_data_from_json(const Json& json) {
  JsonFields fields(json, "request data");
  const std::string type = fields.string("requestType");
  if (!fields.ok()) return tl::unexpected<Error>(fields.finish_lenient().error());
  for (const TypeEntry& known : types) {
    if (known.name != type) continue;
    RequestData data = known.read(fields);
    KACHERY_CHECK(fields.finish());
    return data;
  }
  return UnknownRequest{type};
}

std::string_view request_type(const RequestData& data) {
  if (const auto* unknown = std::get_if<UnknownRequest>(&data)) return unknown->type;
  return types.at(data.index()).name;
}

Json to_json(const RequestData& data) {
  Json json = Json::object({{"requestType", request_type(data)}});
  std::visit([&json](const auto& request) { write(request, json); }, data);
  return json;
}

}  // namespace kachery
