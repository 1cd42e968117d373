#include "node/request_server.h"

#include "base/limits.h"
#include "base/log.h"

namespace kachery {

RequestServer::RequestServer(Scheduler& scheduler, const KeyPair& key, RemoteNodes& nodes,
                             const Access& access)
    : scheduler_(scheduler), key_(key), nodes_(nodes), access_(access), replays_(limits::seen_requests) {}

void RequestServer::handle(std::string_view request_type, Node::Handler handler) {
  handlers_.insert_or_assign(std::string(request_type), std::move(handler));
}

Status RequestServer::authorize(const Request& request) const {
  // An announcement carries its own signature and is judged by what it says, whoever brings it: that is how a
  // public node meets those who are in no list.
  if (std::holds_alternative<AnnounceRequest>(request.data)) return {};
  if (access_.may_request(request.from, request.data)) return {};
  return fail(Errc::unauthorized,
              "not authorized: node {} is not authorized on any channel that this node has joined",
              request.from.hex());
}

void RequestServer::receive(const Json& message, std::function<void(Result<Json>)> respond) {
  Result<Request> parsed = Request::parse(message);
  if (!parsed) return respond(fail(std::move(parsed).error()));
  if (parsed->to != key_.public_key()) {
    return respond(fail(Errc::not_found, "No proxy connection to node: {}", parsed->to.hex()));
  }
  if (const Status status =
          replays_.admit(parsed->from, parsed->request_id, parsed->timestamp, scheduler_.wall_ms());
      !status) {
    return respond(fail(status.error()));
  }
  if (const Status status = authorize(*parsed); !status) {
    log_info("refused {} from node {}", request_type(parsed->data), parsed->from.brief());
    return respond(fail(status.error()));
  }
  if (RemoteNode* node = nodes_.find(parsed->from)) node->last_heard = scheduler_.monotonic();
  const auto handler = handlers_.find(request_type(parsed->data));
  if (handler == handlers_.end()) {
    return respond(fail(Errc::refused, "Unexpected error: unrecognized request data."));
  }
  const auto request = std::make_shared<Request>(std::move(*parsed));
  handler->second(*request, [this, request, respond = std::move(respond)](Result<ResponseData> answer) {
    if (!answer) return respond(fail(std::move(answer).error()));
    respond(Response::sign(key_, *request, std::move(*answer), scheduler_.wall_ms()).raw);
  });
}

}  // namespace kachery
