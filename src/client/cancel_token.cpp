#include "client/cancel_token.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace kachery::client {

CancelToken::CancelToken() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void CancelToken::request() noexcept {
  const int saved = errno;
  requested_.store(true);
  const std::uint64_t one = 1;
  // Fails only when the counter is full, that is, readable.
  if (event_) [[maybe_unused]]
    const ssize_t written = ::write(event_.get(), &one, sizeof one);
  errno = saved;
}

void CancelToken::reset() noexcept {
  requested_.store(false);
  std::uint64_t count = 0;
  if (event_) [[maybe_unused]]
    const ssize_t got = ::read(event_.get(), &count, sizeof count);
}

}  // namespace kachery::client
