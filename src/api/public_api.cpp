#include "api/public_api.h"

#include <utility>

#include "api/respond.h"
#include "base/log.h"

namespace kachery::api {

namespace {

// Tells nodes like us that /download honours ranges (protocol.md section 16).
const http1::Header features{"Kachery-Features", "range"};

void probe(const Node& node, HttpExchange& exchange) {
  exchange.respond(200, {{"Content-Type", "application/json"}, features},
                   node.probe_response().json().text());
}

int status_of_refused_request(Errc code) {
  return code == Errc::invalid || code == Errc::protocol ? 400 : status_of(code);
}

void node_to_node_request(Node& node, Call call) {
  node.receive(call.body, [exchange = std::move(call.exchange)](const Result<Json>& response) {
    if (!response) {
      respond_error(*exchange, status_of_refused_request(response.error().code), response.error());
    } else {
      exchange->respond(200, "application/json", response->text());
    }
  });
}

// The bytes of a stream that a request wants, and how they are announced.
struct Selection {
  int status = 200;
  ByteRange range;
  std::vector<http1::Header> headers;
};

// Nothing: the range lies beyond the end.
std::optional<Selection> select(const http1::RequestHead& head, std::uint64_t size) {
  Selection out{200, {0, size}, {{"Content-Type", "application/octet-stream"}, features}};
  const std::string* header = head.header("range");
  if (header == nullptr) return out;
  const auto range = http1::parse_range(*header, size);
  if (!range) return std::nullopt;
  if (!*range) return out;
  out.status = 206;
  out.range = {(*range)->first, (*range)->second};
  out.headers.push_back(
      {"Content-Range", fmt::format("bytes {}-{}/{}", out.range.start, out.range.end - 1, size)});
  return out;
}

// The stream id is bound to the node that it was prepared for: knowing one of another node does not help.
Result<OpenFile> open_stream(const Node& node, Streams& streams, const std::vector<std::string>& parameters) {
  const auto from = NodeId::parse(parameters[0]);
  const auto to = NodeId::parse(parameters[1]);
  const auto stream = StreamId::parse(parameters[2]);
  if (!from || !to || !stream) {
    return fail(Errc::invalid, "the path must be /download/FROM-NODE-ID/TO-NODE-ID/STREAM-ID");
  }
  if (*from != node.own_id()) {
    return fail(Errc::not_found, "No proxy connection to node: {}", from->hex());
  }
  auto file = streams.open(*to, *stream);
  if (!file && file.error().code == Errc::not_found) {
    return fail(Errc::not_found, "Unable to find download info for stream: {}", stream->str());
  }
  return file;
}

void download(Node& node, Streams& streams, const Call& call) {
  auto file = open_stream(node, streams, call.parameters);
  if (!file) return respond_error(*call.exchange, file.error());
  auto selection = select(call.exchange->head(), file->length);
  if (!selection) {
    call.exchange->respond(416, {{"Content-Range", fmt::format("bytes */{}", file->length)}, features},
                           std::string());
    return;
  }
  call.exchange->respond_file(selection->status, std::move(selection->headers), std::move(file->fd),
                              file->offset + selection->range.start, selection->range.size(),
                              [&node, to = *NodeId::parse(call.parameters[1])](std::uint64_t sent) {
                                node.count_http_bytes_sent(to, sent);
                              });
}

}  // namespace

std::vector<Route> public_routes(Node& node, Streams& streams) {
  const auto answer_probe = [&node](const Call& call) { probe(node, *call.exchange); };
  return {
      {"GET", "/probe", Access::open, Body::ignored, answer_probe},
      {"POST", "/probe", Access::open, Body::json, answer_probe},
      {"POST", "/nodeToNodeRequest", Access::open, Body::json,
       [&node](Call call) { node_to_node_request(node, std::move(call)); }},
      {"GET", "/download/:fromNodeId/:toNodeId/:streamId", Access::open, Body::ignored,
       [&node, &streams](const Call& call) { download(node, streams, call); }},
  };
}

}  // namespace kachery::api
