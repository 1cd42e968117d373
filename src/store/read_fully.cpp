#include "store/read_fully.h"

namespace kachery {

Result<std::string> read_fully(Env& env, int fd, std::uint64_t size, std::uint64_t max_bytes) {
  if (size > max_bytes)
    return fail(Errc::too_large, "a file of {} bytes where {} are allowed", size, max_bytes);
  std::string bytes(size, '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = env.pread(fd, bytes.data() + done, bytes.size() - done, done);
    if (n < 0) return fail(system_error(static_cast<int>(-n), "cannot read a file"));
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  bytes.resize(done);
  return bytes;
}

}  // namespace kachery
