// How a temporary file becomes an object of the store. For this room only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/ids.h"
#include "base/unique_fd.h"
#include "store/store.h"

namespace kachery {

// The failure of a write below the store's directory, which it names. `result` is a negative errno.
[[nodiscard]] Error write_error(const Store& store, int result, std::string_view doing);

// A file in ROOT/tmp on its way in. Without a name where the system can do that; else named and locked, so
// that cleaning up can tell it from what a dead process left. Destroying it removes it, also its name.
class TemporaryFile {
 public:
  static Result<TemporaryFile> create(const Store& store);
  TemporaryFile(TemporaryFile&&) noexcept;
  TemporaryFile& operator=(TemporaryFile&&) noexcept;
  ~TemporaryFile();

  int fd() const { return fd_.get(); }
  const std::string& name() const { return name_; }  // the path, or empty

 private:
  explicit TemporaryFile(Env& env) : env_(&env) {}
  Env* env_;
  UniqueFd fd_;
  std::string name_;
};

// Syncs `fd`, a temporary file, and puts it in place as `sha1`, which must be its hash; durable on return. An
// object that is there already wins if it is a regular file of `size` bytes, unless `replace`: then, and if
// it is anything else but a directory, it is replaced. The temporary name is gone on success. May be repeated
// after a success.
Status place_file(const Store& store, int fd, const std::string& temporary_name, const Sha1& sha1,
                  std::uint64_t size, bool replace = false);

// Whether `path` is a regular file of exactly these bytes; then it is durable on return.
bool holds_durably(const Store& store, const std::string& path, std::string_view bytes);

// Writes `text` to `path` (below sha1/, directories are made), replacing what is there; durable on return.
Status replace_record(const Store& store, const std::string& path, std::string_view text);

// For a file that reached its place by other means: makes its entry durable.
Status sync_entry(const Store& store, const std::string& path);

// Makes the three directories above `path` (below sha1/), each only after the one above it is durable.
Status make_directories(const Store& store, const std::string& path);

}  // namespace kachery
