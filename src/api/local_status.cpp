// /probe, /halt, /stats
#include "api/local_api.h"
#include "api/respond.h"
#include "api/stats_page.h"

namespace kachery::api {

namespace {

Json bytes_json(std::uint64_t http) {
  return Json::object({{"total", http}, {"multicastUdp", 0}, {"udp", 0}, {"http", http}, {"webSocket", 0}});
}

// The value of "format", the one parameter that /stats knows.
Result<std::string> stats_format(const http1::RequestHead& head) {
  const std::string format = head.query_value("format").value_or("json");
  const bool other = !head.query.empty() &&
                     (!head.query.starts_with("format=") || head.query.find('&') != std::string::npos);
  if (other || (format != "json" && format != "html")) {
    return fail(Errc::invalid, "/stats takes format=json or format=html, and nothing else");
  }
  return format;
}

}  // namespace

void LocalApi::probe(Call call) {
  Json answer = context_.node.probe_response().json();
  answer.set("joinedChannels", context_.node.channels_json());
  answer.set("kacheryStorageDir", context_.store.root());
  call.exchange->respond_json(200, answer);
}

void LocalApi::halt(Call call) {
  call.exchange->respond_json(200, Json::object({{"success", true}}));
  context_.scheduler.defer(context_.halt);
}

void LocalApi::stats(Call call) {
  const auto format = stats_format(call.exchange->head());
  if (!format) return respond_error(*call.exchange, format.error());
  const Traffic traffic = context_.traffic();
  const Json stats = Json::object({{"nodeId", context_.node.own_id().hex()},
                                   {"joinedChannels", context_.node.channels_json()},
                                   {"bootstraps", context_.node.bootstraps_json()},
                                   {"remoteNodes", context_.node.remote_nodes_json()},
                                   {"totalBytesSent", bytes_json(traffic.http_sent)},
                                   {"totalBytesReceived", bytes_json(traffic.http_received)}});
  if (*format == "html") {
    // No scripts, nothing from elsewhere: what peers announce can do nothing in it.
    call.exchange->respond(200,
                           {{"Content-Type", "text/html; charset=utf-8"},
                            {"Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"}},
                           stats_page(stats));
    return;
  }
  call.exchange->respond_json(200, Json::object({{"success", true}, {"format", "json"}, {"stats", stats}}));
}

}  // namespace kachery::api
