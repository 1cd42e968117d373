// Errors as values. Every function that can fail for a reason outside the program returns Result<T>; no
// exception crosses a room.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace kachery {

// What kind of failure it is: callers decide by the code, people read the message.
enum class Errc {
  invalid,       // input that breaks a format's or the protocol's rules
  too_large,     // input beyond a limit of base/limits.h
  not_found,     // no such file, key, node, route
  exists,        // refused, because the name is taken
  refused,       // the other side answered, and said no
  unauthorized,  // the caller may not do this
  unreachable,   // no way to the other side, or the connection failed
  timed_out,     // no answer within its time
  stalled,       // it began, then made no progress for the idle time-out
  damaged,       // content does not match its hash, or a stored record is corrupt
  changed,       // a linked file is no longer what was linked
  cancelled,     // given up on the caller's wish
  busy,          // a limit on simultaneous work is reached, or a lock is held by another process
  no_space,      // the disk (or quota) is full
  io,            // the operating system refused a file or socket operation
  protocol,      // a peer broke the protocol
  internal,      // a broken invariant that could be contained
};

// The code as a word for logs and JSON ("not_found").
std::string_view name_of(Errc code);

struct Error {
  Errc code = Errc::internal;
  // One sentence without a full stop: what was expected, what came, what to do.
  std::string message;
};

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

// fail(Errc::invalid, "port must be 1-65535, got {}", port)
template <class... Args>
[[nodiscard]] tl::unexpected<Error> fail(Errc code, fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected<Error>(Error{code, fmt::format(format, std::forward<Args>(args)...)});
}

[[nodiscard]] inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}

// The failure of a system call: `errno_value` becomes a code (ENOSPC and EDQUOT: no_space, ENOENT: not_found,
// EEXIST: exists, else io) and its text is appended to `what`.
[[nodiscard]] Error system_error(int errno_value, std::string_view what);

}  // namespace kachery

// KACHERY_TRY(auto x, f()) declares x with the value of f(), or returns f()'s error from this function.
#define KACHERY_CONCAT_(a, b) a##b
#define KACHERY_CONCAT(a, b) KACHERY_CONCAT_(a, b)
#define KACHERY_TRY(declaration, expression) \
  KACHERY_TRY_(declaration, expression, KACHERY_CONCAT(kachery_result_, __LINE__))
#define KACHERY_TRY_(declaration, expression, result)                              \
  auto result = (expression);                                                      \
  if (!result) return tl::unexpected<::kachery::Error>(std::move(result).error()); \
  declaration = *std::move(result)

// KACHERY_CHECK(f()) returns f()'s error from this function; for a Status.
#define KACHERY_CHECK(expression)                                                                    \
  do {                                                                                               \
    auto kachery_status = (expression);                                                              \
    if (!kachery_status) return tl::unexpected<::kachery::Error>(std::move(kachery_status).error()); \
  } while (false)
