#include "node/http_way.h"

#include <charconv>

#include "base/limits.h"
#include "base/log.h"
#include "node/remote_nodes.h"

namespace kachery {

namespace {

class HttpOperation final : public Operation {
 public:
  HttpCallPtr call;
};

class HttpStreamOperation final : public StreamOperation {
 public:
  void pause(bool paused) override { call->pause(paused); }
  HttpCallPtr call;
};

std::optional<std::uint64_t> number_of(std::string_view digits) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

// START of "bytes START-END/TOTAL".
std::optional<std::uint64_t> first_byte_of(std::string_view content_range) {
  constexpr std::string_view unit = "bytes ";
  if (!content_range.starts_with(unit)) return std::nullopt;
  content_range.remove_prefix(unit.size());
  return number_of(content_range.substr(0, content_range.find('-')));
}

// What a node said by a status other than 200; its text is shown, escaped.
Error refusal(const HttpResponse& response) {
  const Errc code = response.status == 403 ? Errc::unauthorized : Errc::refused;
  return Error{code,
               fmt::format("answered with status {}: {}", response.status, escaped(response.body, 200))};
}

}  // namespace

bool HttpWay::carries_requests_to(const RemoteNode& node) const {
  const auto address = node.http_address();
  return address && address->connectable();
}

bool HttpWay::carries_streams_from(const RemoteNode& node) const {
  return carries_requests_to(node);
}

OperationPtr HttpWay::send(RemoteNode& node, const Json& signed_request, milliseconds timeout,
                           Answer answer) {
  HttpRequest request;
  request.method = "POST";
  request.url = node.http_address()->base_url() + "/nodeToNodeRequest";
  request.headers = {"Content-Type: application/json"};
  request.body = signed_request.text();
  node.http_bytes_sent += request.body.size();
  request.connect_timeout = timeout;
  request.total_timeout = timeout;
  request.max_body_bytes = limits::peer_response_bytes;
  auto operation = std::make_unique<HttpOperation>();
  operation->call =
      http_.fetch(std::move(request), [answer = std::move(answer)](Result<HttpResponse> response) {
        if (!response) return answer(fail(std::move(response).error()));
        if (response->status != 200) return answer(fail(refusal(*response)));
        Result<Json> json = Json::parse(response->body, limits::json_peer_values);
        if (!json) return answer(fail(Errc::protocol, "its answer is no JSON: {}", json.error().message));
        answer(std::move(json));
      });
  return operation;
}

StreamOperationPtr HttpWay::open_stream(const RemoteNode& node, const StreamId& stream,
                                        std::optional<ByteRange> range, milliseconds idle_timeout,
                                        StreamSink sink) {
  HttpRequest request;
  request.url = fmt::format("{}/download/{}/{}/{}", node.http_address()->base_url(), node.id().hex(),
                            own_id_.hex(), stream.str());
  if (range) request.headers.push_back(fmt::format("Range: bytes={}-{}", range->start, range->end - 1));
  request.connect_timeout = idle_timeout;
  request.idle_timeout = idle_timeout;

  // What head() found wrong is told by done(), which comes after it.
  auto problem = std::make_shared<std::optional<Error>>();
  auto shared_sink = std::make_shared<StreamSink>(std::move(sink));
  HttpClient::Stream callbacks;
  callbacks.head = [problem, shared_sink](const HttpResponse& head) {
    if (head.status != 200 && head.status != 206) {
      *problem = refusal(head);
      return false;
    }
    std::optional<std::uint64_t> length;
    if (const std::string* text = head.header("content-length")) length = number_of(*text);
    std::uint64_t first = 0;
    if (head.status == 206) {
      const std::string* content_range = head.header("content-range");
      const auto start = content_range != nullptr ? first_byte_of(*content_range) : std::nullopt;
      if (!start) {
        *problem = Error{Errc::protocol, "sent a part of the stream without saying which"};
        return false;
      }
      first = *start;
    }
    return shared_sink->head(first, length);
  };
  callbacks.data = [shared_sink](std::string_view piece) { return shared_sink->data(piece); };
  callbacks.done = [problem, shared_sink](Status status) {
    if (*problem) status = fail(**problem);
    // The callback may destroy the operation, and the sink with it.
    const auto done = shared_sink->done;
    done(std::move(status));
  };
  auto operation = std::make_unique<HttpStreamOperation>();
  operation->call = http_.stream(std::move(request), std::move(callbacks));
  return operation;
}

}  // namespace kachery
