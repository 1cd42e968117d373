// The content-addressed store: KACHERY_STORAGE_DIR/sha1 (protocol.md section 3). Reading and looking up here;
// writing in writer.h; what takes long in jobs.h.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/ids.h"
#include "base/unique_fd.h"
#include "codec/file_key.h"
#include "store/env.h"

namespace kachery {

struct StoredFile {
  Sha1 sha1;
  std::optional<Sha1> manifest;
  std::uint64_t size = 0;
};

// Content ready to be read: `length` bytes of `fd` from `offset`.
struct OpenFile {
  UniqueFd fd;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  bool linked = false;  // belongs to a user, who may change it at any time: never map it
  std::string path;
};

class Store {
 public:
  // `root` is an existing, writable directory; sha1/ and tmp/ are made in it. Removes what crashed processes
  // left: tmp/ entries that no living process holds, and store.file.*.tmp of 0.8.31 (both older than a
  // minute); partial loads stay. The error says what to do (missing, no directory, not writable, full).
  static Result<Store> open(Env& env, std::string root);
  // For a client that may only read: nothing is checked, made or removed. What is missing is not found.
  static Store for_reading(Env& env, std::string root) { return Store(env, std::move(root)); }

  const std::string& root() const { return root_; }
  Env& env() const { return *env_; }
  std::string path_of(const Sha1& sha1) const;       // ROOT/sha1/ab/cd/ef/abcdef...
  std::string link_path_of(const Sha1& sha1) const;  // the same with .link
  std::string temporary_dir() const;                 // ROOT/tmp

  // Opens what `key` names: the file, else the linked file (Errc::changed if its size or mtime no longer
  // fit), else the range of key.chunk_of's file. Errc::not_found otherwise. Never hashes; never follows a
  // symlink in sha1/. The empty file is always there (protocol.md section 7).
  Result<OpenFile> open_file(const FileKey& key) const;
  Result<std::uint64_t> size_of(const FileKey& key) const;
  // The path a client may open for a whole file: in the store or the linked one.
  Result<std::string> readable_path(const Sha1& sha1) const;

  // Reads a whole small file and checks its hash; more than `max_bytes`: Errc::too_large; wrong:
  // Errc::damaged.
  Result<std::string> read_verified(const Sha1& sha1, std::uint64_t max_bytes) const;

 private:
  Store(Env& env, std::string root) : env_(&env), root_(std::move(root)) {}
  Env* env_;
  std::string root_;
};

}  // namespace kachery
