// Streams prepared for other nodes: what a downloadFileData answer names and /download serves.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/ids.h"
#include "base/scheduler.h"
#include "codec/file_key.h"
#include "store/store.h"
#include "wire/requests.h"

namespace kachery {

class Streams {
 public:
  Streams(Scheduler& scheduler, const Store& store);
  ~Streams();

  // The answer to a downloadFileData request of `node`, by section 7's rules, and a stream id good for that
  // node only and for limits::stream_life_ms after its last use. Over a limit: the node's oldest idle stream
  // goes.
  DownloadFileDataResponse prepare(const NodeId& node, const DownloadFileDataRequest& request);

  // Opens the stream's bytes (the prepared range of the file). not_found: unknown, expired, or another
  // node's.
  Result<OpenFile> open(const NodeId& node, const StreamId& stream);

  std::size_t size() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kachery
