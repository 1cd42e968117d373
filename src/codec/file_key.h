// What names a file on the network (protocol.md section 3).
#pragma once

#include <cstdint>
#include <optional>

#include "base/error.h"
#include "base/ids.h"
#include "codec/json.h"

namespace kachery {

// Bytes [start, end) of a file.
struct ByteRange {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  std::uint64_t size() const { return end - start; }
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

struct ChunkOf {
  Sha1 file;  // the whole file
  std::optional<Sha1> file_manifest;
  ByteRange range;  // start < end
  friend bool operator==(const ChunkOf&, const ChunkOf&) = default;
};

struct FileKey {
  Sha1 sha1;
  std::optional<Sha1> manifest;
  std::optional<ChunkOf> chunk_of;  // `sha1` is also this range of another file

  // Strict. A key whose chunkOf.fileKey has a chunkOf of its own is refused.
  static Result<FileKey> from_json(const Json& json);
  Json json() const;
  friend bool operator==(const FileKey&, const FileKey&) = default;
};

}  // namespace kachery
