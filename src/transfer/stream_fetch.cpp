#include "transfer/stream_fetch.h"

#include <utility>

#include "base/log.h"

namespace kachery {

Result<AnnouncedStream> announced_stream(const FileKey& key, const Result<ResponseData>& answer) {
  if (!answer) return fail(answer.error());
  const auto* response = std::get_if<DownloadFileDataResponse>(&*answer);
  if (response == nullptr) return fail(Errc::protocol, "answered another question than it was asked");
  if (!response->success) {
    // Section 7: a node that has no such file answers with zeros.
    const bool absent = response->start == 0 && response->end == 0;
    return fail(absent ? Errc::not_found : Errc::refused, "refused: {}",
                escaped(response->error.value_or("no reason given")));
  }
  if (response->file_key != key || response->start != 0) {
    return fail(Errc::protocol, "answered for another file or range than it was asked for");
  }
  return AnnouncedStream{*response->stream_id, response->end};
}

StreamFetch::StreamFetch(Network& network, const NodeId& node, FileKey key, Callbacks callbacks)
    : network_(network), node_(node), key_(std::move(key)), callbacks_(std::move(callbacks)) {
  request_ = network_.request(node_, DownloadFileDataRequest{key_, 0, std::nullopt},
                              network_.pace()(request_timeout),
                              [this](Result<ResponseData> answer) { on_answer(std::move(answer)); });
}

void StreamFetch::on_answer(Result<ResponseData> answer) {
  const Result<AnnouncedStream> announced = announced_stream(key_, answer);
  if (!announced) return finish(fail(announced.error()));
  StreamSink sink;
  sink.head = [this](std::uint64_t first, std::optional<std::uint64_t> length) {
    if (first != 0) return accept(fail(Errc::protocol, "sent a stream that begins at byte {}", first));
    return !length || accept(callbacks_.length(*length));
  };
  sink.data = [this](std::string_view piece) { return accept(callbacks_.data(piece)); };
  sink.done = [this](Status status) {
    if (refused_because_) return finish(fail(*refused_because_));
    finish(std::move(status));
  };
  stream_ = network_.open_stream(node_, announced->id, std::nullopt, network_.pace()(stream_idle_timeout),
                                 std::move(sink));
}

// False, with the reason kept for done(), if `status` is an error.
bool StreamFetch::accept(Status status) {
  if (!status && !refused_because_) refused_because_ = std::move(status).error();
  return !refused_because_;
}

void StreamFetch::finish(Status status) {
  const auto done = std::move(callbacks_.done);
  done(std::move(status));  // may have destroyed this
}

}  // namespace kachery
