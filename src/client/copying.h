// Bytes from an open file to their destination.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"
#include "client/monitor.h"
#include "codec/file_key.h"
#include "store/store.h"

namespace kachery::client {

// A file that appears under its name whole and at once: bytes go to a temporary file beside it, which
// commit() renames. A symbolic link is followed; a device or a pipe is written to directly. Dropped before
// commit(), it leaves nothing. Not synced: after a power loss it can be loaded again.
class Destination {
 public:
  // Errc::invalid for a directory; not_found if the directory above is missing.
  static Result<Destination> create(const std::string& path);
  Destination(Destination&& other) noexcept;
  Destination& operator=(Destination&&) = delete;
  ~Destination();

  int fd() const { return fd_.get(); }
  bool regular() const { return !temporary_.empty(); }
  Status write(std::string_view bytes);
  Status commit();

 private:
  Destination() = default;
  Error failed(int errno_value) const;

  UniqueFd fd_;
  std::string path_;       // what was asked for, for messages
  std::string target_;     // behind symbolic links
  std::string temporary_;  // empty: written to directly
};

// The content of `file` to `destination`, cloned or copied in the kernel where that can be done. Reports
// progress.
Status copy_file(const OpenFile& file, Destination& destination, const Monitor& monitor);

// Bytes [range.start, range.end) of the content of `file`, in pieces of up to 1 MiB. Errc::changed if the
// file is shorter than it was.
Status read_range(const OpenFile& file, ByteRange range, const Monitor& monitor,
                  const std::function<Status(std::string_view)>& sink);

}  // namespace kachery::client
