#include "client/daemon.h"

#include <utility>

#include "base/log.h"
#include "client/client_error.h"
#include "client/storage_files.h"

namespace kachery::client {

namespace {

// The message that came as the body of an error.
Error refusal(const HttpReply& reply, std::string_view path) {
  const std::string text = escaped(reply.body, 900);
  if (reply.status == 404 && reply.error_word.empty()) {
    return Error{Errc::protocol,
                 fmt::format("the daemon has no {}: it may be older than this command", path)};
  }
  const Errc code = reply.status == 403 && reply.error_word.empty() ? Errc::unauthorized
                                                                    : errc_of_daemon(reply.error_word, text);
  if (text.empty())
    return Error{code, fmt::format("the daemon answered {} with HTTP status {}", path, reply.status)};
  return Error{code, text};
}

Result<Json> object_of(const HttpReply& reply, std::string_view path) {
  auto json = Json::parse(reply.body);
  if (!json || !json->is_object()) {
    return fail(Errc::protocol, "the daemon answered {} with what is no JSON object: \"{}\"", path,
                escaped(reply.body, 60));
  }
  const Json success = (*json)["success"];
  if (success.is_boolean() && !success.boolean()) {
    const std::string message = escaped((*json)["error"].string(), 900);
    return fail(errc_of_daemon((*json)["errorCode"].string(), message), "{}",
                message.empty() ? fmt::format("the daemon refused {} without a reason", path) : message);
  }
  return json;
}

}  // namespace

Result<Json> Daemon::probe() {
  HttpCall call;
  call.url = settings_.api_url() + "/probe";
  call.max_body_bytes = 8u << 20;
  call.total_timeout = settings_.request_timeout;
  KACHERY_TRY(const HttpReply reply, perform(call, cancel_));
  const auto json = Json::parse(reply.body);
  if (reply.status != 200 || !json || !(*json)["nodeId"].is_string()) {
    return fail(Errc::protocol,
                "what answers at {} is no daemon: it answers /probe with HTTP status {} and \"{}\", which "
                "has no nodeId",
                settings_.api_url(), reply.status, escaped(reply.body, 60));
  }
  return *json;
}

Result<DaemonInfo> Daemon::connect() {
  if (info_) return *info_;
  DaemonInfo info;
  if (settings_.storage_dir) KACHERY_CHECK(check_storage_dir(*settings_.storage_dir));
  KACHERY_TRY(info.probe, probe());
  info.node_id = std::string(info.probe["nodeId"].string());
  info.storage_dir = settings_.storage_dir.value_or(std::string(info.probe["kacheryStorageDir"].string()));
  if (info.storage_dir.empty()) {
    return fail(errc_storage, "the daemon at {} does not say where its storage is: set KACHERY_STORAGE_DIR",
                settings_.api_url());
  }
  KACHERY_CHECK(check_storage_dir(info.storage_dir));
  KACHERY_TRY(const std::string stored_id, read_node_id(info.storage_dir));
  if (stored_id != info.node_id) {
    return fail(errc_wrong_daemon,
                "the daemon at {} is node {}, but {} belongs to node {}: set KACHERY_STORAGE_DIR and "
                "KACHERY_P2P_API_PORT to those of one daemon",
                settings_.api_url(), escaped(info.node_id.substr(0, 10)), escaped(info.storage_dir),
                escaped(stored_id.substr(0, 10)));
  }
  info_ = info;
  return info;
}

Result<HttpReply> Daemon::authorized(HttpCall call, const std::function<Status()>& rewind) {
  KACHERY_TRY(const DaemonInfo info, connect());
  const std::size_t plain_headers = call.headers.size();
  for (int attempt = 1;; ++attempt) {
    KACHERY_TRY(const std::string code, read_client_auth(info.storage_dir));
    call.headers.resize(plain_headers);
    call.headers.push_back("KACHERY-CLIENT-AUTH-CODE: " + code);
    KACHERY_TRY(HttpReply reply, perform(call, cancel_));
    if (reply.status != 403 || attempt == 2) return reply;
    if (rewind) KACHERY_CHECK(rewind());
  }
}

HttpCall Daemon::json_call(std::string_view path, const Json& body) const {
  HttpCall call;
  call.method = "POST";
  call.url = settings_.api_url() + std::string(path);
  call.headers = {"Content-Type: application/json"};
  call.body = body.text();
  return call;
}

Result<Json> Daemon::get(std::string_view path) {
  HttpCall call;
  call.url = settings_.api_url() + std::string(path);
  call.total_timeout = settings_.request_timeout;
  KACHERY_TRY(const HttpReply reply, authorized(std::move(call), {}));
  if (reply.status != 200) return fail(refusal(reply, path));
  return object_of(reply, path);
}

Result<Json> Daemon::post(std::string_view path, const Json& body, std::chrono::milliseconds timeout) {
  HttpCall call = json_call(path, body);
  call.total_timeout = timeout;
  KACHERY_TRY(const HttpReply reply, authorized(std::move(call), {}));
  if (reply.status != 200) return fail(refusal(reply, path));
  return object_of(reply, path);
}

Status Daemon::stream(std::string_view path, const Json& body, std::function<Status(std::string_view)> sink) {
  HttpCall call = json_call(path, body);
  call.idle_timeout = settings_.idle_timeout;
  call.sink = std::move(sink);
  KACHERY_TRY(const HttpReply reply, authorized(std::move(call), {}));
  if (reply.status != 200) return fail(refusal(reply, path));
  return {};
}

Result<Json> Daemon::upload(std::string_view path, const BodySource& source,
                            const std::function<Status()>& rewind, std::chrono::milliseconds extra) {
  HttpCall call;
  call.method = "POST";
  call.url = settings_.api_url() + std::string(path);
  call.headers = {"Content-Type: application/octet-stream"};
  call.source = &source;
  call.idle_timeout = settings_.idle_timeout + extra;
  KACHERY_TRY(const HttpReply reply, authorized(std::move(call), rewind));
  if (reply.status != 200) return fail(refusal(reply, path));
  return object_of(reply, path);
}

}  // namespace kachery::client
