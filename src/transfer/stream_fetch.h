// What one file key names, from one node: asked for by downloadFileData, then received as a stream.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "codec/file_key.h"
#include "node/network.h"

namespace kachery {

class StreamFetch {
 public:
  struct Callbacks {
    // The number of bytes that the node announces, before the first piece; not called if it announces none.
    // An error refuses the stream.
    std::function<Status(std::uint64_t length)> length;
    // An error ends the stream.
    std::function<Status(std::string_view piece)> data;
    // Once, later. All that was announced came, or: the error of length() or data(); not_found, refused (the
    // node's words are in the message); unreachable, timed_out, stalled, protocol. May destroy the fetch.
    std::function<void(Status)> done;
  };

  StreamFetch(Network& network, const NodeId& node, FileKey key, Callbacks callbacks);
  StreamFetch(const StreamFetch&) = delete;
  StreamFetch& operator=(const StreamFetch&) = delete;

 private:
  void on_answer(Result<ResponseData> answer);
  bool accept(Status status);
  void finish(Status status);

  Network& network_;
  const NodeId node_;
  const FileKey key_;
  Callbacks callbacks_;
  // Why we ended the stream ourselves.
  std::optional<Error> refused_because_;
  OperationPtr request_;
  StreamOperationPtr stream_;
};

// The answer of a node to a request for the whole of `key`, judged: a stream and its announced length.
struct AnnouncedStream {
  StreamId id;
  std::uint64_t length = 0;
};
Result<AnnouncedStream> announced_stream(const FileKey& key, const Result<ResponseData>& answer);

// Protocol.md section 11's time for a response, and ours for a stream without progress; before the pace.
inline constexpr milliseconds request_timeout{5'000};
inline constexpr milliseconds stream_idle_timeout{30'000};

}  // namespace kachery
