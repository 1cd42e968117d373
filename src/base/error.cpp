#include "base/error.h"

#include <cerrno>
#include <system_error>

namespace kachery {

std::string_view name_of(Errc code) {
  switch (code) {
    case Errc::invalid:
      return "invalid";
    case Errc::too_large:
      return "too_large";
    case Errc::not_found:
      return "not_found";
    case Errc::exists:
      return "exists";
    case Errc::refused:
      return "refused";
    case Errc::unauthorized:
      return "unauthorized";
    case Errc::unreachable:
      return "unreachable";
    case Errc::timed_out:
      return "timed_out";
    case Errc::stalled:
      return "stalled";
    case Errc::damaged:
      return "damaged";
    case Errc::changed:
      return "changed";
    case Errc::cancelled:
      return "cancelled";
    case Errc::busy:
      return "busy";
    case Errc::no_space:
      return "no_space";
    case Errc::io:
      return "io";
    case Errc::protocol:
      return "protocol";
    case Errc::internal:
      return "internal";
  }
  return "internal";
}

namespace {

Errc code_of_errno(int errno_value) {
  switch (errno_value) {
    case ENOSPC:
    case EDQUOT:
      return Errc::no_space;
    case ENOENT:
      return Errc::not_found;
    case EEXIST:
      return Errc::exists;
    default:
      return Errc::io;
  }
}

}  // namespace

Error system_error(int errno_value, std::string_view what) {
  return Error{code_of_errno(errno_value),
               fmt::format("{}: {}", what, std::generic_category().message(errno_value))};
}

}  // namespace kachery
