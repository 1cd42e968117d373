#include "transfer/streams.h"

#include <list>
#include <unordered_map>
#include <utility>

#include "base/limits.h"
#include "base/log.h"

namespace kachery {

namespace {

// What section 7 lets a node answer: start and end are numbers whatever happens.
DownloadFileDataResponse refusal(const DownloadFileDataRequest& request, std::uint64_t start,
                                 std::uint64_t end, std::string reason) {
  DownloadFileDataResponse response;
  response.file_key = request.file_key;
  response.start = start;
  response.end = end;
  response.error = std::move(reason);
  return response;
}

}  // namespace

struct Streams::Impl {
  struct Stream {
    NodeId node;
    FileKey key;
    ByteRange range;
    milliseconds last_use{0};
    // Where the stream stands in the two lists below.
    std::list<StreamId>::iterator in_all;
    std::list<StreamId>::iterator in_node;
  };
  // Both lists: longest unused first.
  using ByUse = std::list<StreamId>;

  Impl(Scheduler& s, const Store& st) : scheduler(s), store(st) {}

  void remove(StreamId id) {
    const auto found = streams.find(id);
    const auto node = of_node.find(found->second.node);
    all.erase(found->second.in_all);
    node->second.erase(found->second.in_node);
    if (node->second.empty()) of_node.erase(node);
    streams.erase(found);
  }

  void remove_expired() {
    const milliseconds now = scheduler.monotonic();
    while (!all.empty() && now - streams.at(all.front()).last_use >= milliseconds(limits::stream_life_ms)) {
      remove(all.front());
    }
  }

  void make_room(const NodeId& node) {
    const auto own = of_node.find(node);
    if (own != of_node.end() && own->second.size() >= limits::streams_per_node) remove(own->second.front());
    if (streams.size() >= limits::streams) remove(all.front());
  }

  StreamId add(const NodeId& node, const FileKey& key, ByteRange range) {
    make_room(node);
    const StreamId id = StreamId::random();
    ByUse& mine = of_node[node];
    streams.emplace(id, Stream{node, key, range, scheduler.monotonic(), all.insert(all.end(), id),
                               mine.insert(mine.end(), id)});
    return id;
  }

  void touch(Stream& stream) {
    stream.last_use = scheduler.monotonic();
    all.splice(all.end(), all, stream.in_all);
    ByUse& mine = of_node.at(stream.node);
    mine.splice(mine.end(), mine, stream.in_node);
  }

  Scheduler& scheduler;
  const Store& store;
  std::unordered_map<StreamId, Stream> streams;
  ByUse all;
  std::unordered_map<NodeId, ByUse> of_node;
};

Streams::Streams(Scheduler& scheduler, const Store& store)
    : impl_(std::make_unique<Impl>(scheduler, store)) {}

Streams::~Streams() = default;

DownloadFileDataResponse Streams::prepare(const NodeId& node, const DownloadFileDataRequest& request) {
  impl_->remove_expired();
  const Result<std::uint64_t> size = impl_->store.size_of(request.file_key);
  if (!size) {
    // The reason may name paths of this machine: it is not for other nodes.
    if (size.error().code != Errc::not_found) {
      log_warning("cannot serve {}: {}", request.file_key.sha1.brief(), size.error().message);
    }
    return refusal(request, 0, 0, "file not found");
  }
  const std::uint64_t end = request.end.value_or(*size);
  if (request.start >= end) {
    return refusal(request, request.start, end,
                   fmt::format("start must be less than end, got {} and {}", request.start, end));
  }
  if (end > *size) {
    return refusal(request, request.start, end,
                   fmt::format("end must be at most the size {}, got {}", *size, end));
  }
  DownloadFileDataResponse response;
  response.file_key = request.file_key;
  response.start = request.start;
  response.end = end;
  response.success = true;
  response.stream_id = impl_->add(node, request.file_key, {request.start, end});
  return response;
}

Result<OpenFile> Streams::open(const NodeId& node, const StreamId& stream) {
  impl_->remove_expired();
  const auto found = impl_->streams.find(stream);
  if (found == impl_->streams.end() || found->second.node != node) {
    return fail(Errc::not_found, "no stream {} is prepared for node {}, or it has expired", stream.str(),
                node.brief());
  }
  KACHERY_TRY(OpenFile file, impl_->store.open_file(found->second.key));
  const ByteRange range = found->second.range;
  if (range.end > file.length) {
    return fail(Errc::changed, "stream {} needs {} bytes of a file that has {} now", stream.str(), range.end,
                file.length);
  }
  impl_->touch(found->second);
  file.offset += range.start;
  file.length = range.size();
  return file;
}

std::size_t Streams::size() const {
  impl_->remove_expired();
  return impl_->streams.size();
}

}  // namespace kachery
