#include "node/requester.h"

#include "base/log.h"

namespace kachery {

// One request on its way, over one way after the other.
class Requester::Flow final : public Operation {
 public:
  Flow(Requester& owner, const NodeId& node, RequestData data, milliseconds timeout, Network::Answer answer)
      : owner_(owner), node_(node), data_(std::move(data)), timeout_(timeout), answer_(std::move(answer)) {}

  void start() {
    if (!owner_.access_.may_request(node_, data_)) {
      return fail_later(
          Error{Errc::unauthorized,
                fmt::format("node {} is on none of the joined channels, or is not authorized there "
                            "(or this node is not)",
                            node_.brief())});
    }
    try_next_way();
  }

 private:
  void try_next_way() {
    RemoteNode* node = owner_.nodes_.find(node_);
    while (node != nullptr && next_way_ < owner_.ways_.size()) {
      Way& way = *owner_.ways_[next_way_++];
      if (!way.carries_requests_to(*node)) continue;
      // Signed anew for each way: a request id is good once.
      request_ = Request::sign(owner_.key_, node_, data_, owner_.scheduler_.wall_ms(), timeout_.count());
      ++node->requests_sent;
      operation_ = way.send(*node, request_->raw, timeout_,
                            [this](Result<Json> answer) { answered(std::move(answer)); });
      return;
    }
    if (last_error_) return fail_later(std::move(*last_error_));
    fail_later(Error{Errc::unreachable, node == nullptr || node->infos.empty()
                                            ? "it has not announced itself"
                                            : "it has announced no address that this node can reach (HTTP)"});
  }

  void answered(Result<Json> answer) {
    Result<ResponseData> checked = check(std::move(answer));
    if (RemoteNode* node = owner_.nodes_.find(node_)) {
      if (checked) {
        node->online = true;
        node->last_heard = owner_.scheduler_.monotonic();
        ++node->responses_received;
      } else if (checked.error().code == Errc::unreachable || checked.error().code == Errc::timed_out) {
        node->online = false;
      }
    }
    if (!checked && checked.error().code == Errc::unreachable) {
      // Not from within the failed operation's callback: the next one replaces it.
      last_error_ = checked.error();
      defer_timer_ = owner_.scheduler_.after(milliseconds{0}, [this] { try_next_way(); });
      return;
    }
    finish(std::move(checked));
  }

  Result<ResponseData> check(Result<Json> answer) const {
    if (!answer) return fail(std::move(answer).error());
    auto response = Response::parse(*answer);
    if (!response) return fail(Errc::protocol, "{}", response.error().message);
    const Status fits = response->check_answers(*request_);
    if (!fits) return fail(Errc::protocol, "{}", fits.error().message);
    return std::move(response->data);
  }

  void fail_later(Error error) {
    defer_timer_ = owner_.scheduler_.after(
        milliseconds{0}, [this, error = std::move(error)]() mutable { finish(fail(std::move(error))); });
  }

  // The callback may destroy this.
  void finish(Result<ResponseData> result) {
    const Network::Answer answer = std::move(answer_);
    answer(std::move(result));
  }

  Requester& owner_;
  NodeId node_;
  RequestData data_;
  milliseconds timeout_;
  Network::Answer answer_;
  std::optional<Request> request_;
  std::size_t next_way_ = 0;
  std::optional<Error> last_error_;
  OperationPtr operation_;
  Scheduler::TimerPtr defer_timer_;
};

class Requester::FailedStream final : public StreamOperation {
 public:
  FailedStream(Scheduler& scheduler, Error error, StreamSink sink) {
    timer_ = scheduler.after(milliseconds{0}, [error = std::move(error), sink = std::move(sink)]() mutable {
      const auto done = std::move(sink.done);
      done(fail(std::move(error)));
    });
  }
  void pause(bool) override {}

 private:
  Scheduler::TimerPtr timer_;
};

OperationPtr Requester::request(const NodeId& node, RequestData data, milliseconds timeout,
                                Network::Answer answer) {
  auto flow = std::make_unique<Flow>(*this, node, std::move(data), timeout, std::move(answer));
  flow->start();
  return flow;
}

StreamOperationPtr Requester::open_stream(const NodeId& node, const StreamId& stream,
                                          std::optional<ByteRange> range, milliseconds idle_timeout,
                                          StreamSink sink) {
  if (!access_.may_exchange_data(node)) {
    return std::make_unique<FailedStream>(
        scheduler_, Error{Errc::unauthorized, fmt::format("node {} is not authorized", node.brief())},
        std::move(sink));
  }
  const RemoteNode* remote = nodes_.find(node);
  for (Way* way : ways_) {
    if (remote != nullptr && way->carries_streams_from(*remote)) {
      return way->open_stream(*remote, stream, range, idle_timeout, std::move(sink));
    }
  }
  return std::make_unique<FailedStream>(
      scheduler_,
      Error{Errc::unreachable,
            fmt::format("node {} has announced no address that this node can reach", node.brief())},
      std::move(sink));
}

}  // namespace kachery
