// Manifests (protocol.md section 3): the list of a big file's chunks, itself a file of the store.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "codec/file_key.h"
#include "crypto/sha1.h"

namespace kachery {

struct ManifestChunk {
  ByteRange range;
  Sha1 sha1;
};

struct Manifest {
  std::uint64_t size = 0;
  Sha1 sha1;  // of the whole file
  // Without gaps, from 0 to size, none empty. Ours are of limits::chunk_bytes; any sizes are accepted.
  std::vector<ManifestChunk> chunks;

  // The exact bytes whose SHA-1 is in URIs.
  std::string text() const;
  // Strict: a manifest that does not add up is Errc::damaged.
  static Result<Manifest> parse(std::string_view text);
};

// Files of at most limits::chunk_bytes have none.
bool wants_manifest(std::uint64_t size);
Manifest manifest_of(const FileAndChunkHasher::Digests& digests);

}  // namespace kachery
