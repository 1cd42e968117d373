// What an IncomingFile holds. For this room only.
#pragma once

#include <cstdint>
#include <string>

#include "crypto/sha1.h"
#include "store/placing.h"
#include "store/writer.h"

namespace kachery {

// Bytes between two starts of write-back.
inline constexpr std::uint64_t write_back_bytes = 16u << 20;

struct IncomingFile::Impl {
  Store store;
  TemporaryFile file;
  FileAndChunkHasher hasher;
  std::uint64_t allocated = 0;   // reserved at the start
  std::uint64_t write_back = 0;  // write-back was started up to here
  bool failed = false;           // a write went wrong: what is there is no use

  // Ends hashing and cuts off what was reserved too much.
  Result<FileAndChunkHasher::Digests> finish();
};

// The rest of a commit: `fd` holds the bytes that `size`, `sha1` and `manifest_text` (of files that want one,
// else empty) were made from. The manifest is stored first, so that a stored file always has its manifest.
Result<StoredFile> commit_content(const Store& store, int fd, const std::string& temporary_name,
                                  std::uint64_t size, const Sha1& sha1, const std::string& manifest_text);

// The text of the manifest of a file that wants one, else "".
std::string manifest_text_of(const FileAndChunkHasher::Digests& digests);

}  // namespace kachery
