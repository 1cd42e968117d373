#include "client/client_error.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include "kachery/kachery.h"

namespace kachery::client {

std::int32_t status_of(Errc code) {
  switch (code) {
    case Errc::invalid:
      return KACHERY_ERROR_INVALID;
    case Errc::too_large:
      return KACHERY_ERROR_TOO_LARGE;
    case Errc::not_found:
      return KACHERY_ERROR_NOT_FOUND;
    case Errc::refused:
      return KACHERY_ERROR_REFUSED;
    case Errc::unauthorized:
      return KACHERY_ERROR_UNAUTHORIZED;
    case Errc::unreachable:
      return KACHERY_ERROR_UNREACHABLE;
    case Errc::timed_out:
    case Errc::stalled:
      return KACHERY_ERROR_TIMED_OUT;
    case Errc::damaged:
      return KACHERY_ERROR_DAMAGED;
    case Errc::changed:
      return KACHERY_ERROR_CHANGED;
    case Errc::cancelled:
      return KACHERY_ERROR_CANCELLED;
    case Errc::busy:
      return KACHERY_ERROR_BUSY;
    case Errc::no_space:
      return KACHERY_ERROR_NO_SPACE;
    case Errc::exists:
    case Errc::io:
      return KACHERY_ERROR_IO;
    case Errc::protocol:
      return KACHERY_ERROR_PROTOCOL;
    case Errc::internal:
      return KACHERY_ERROR;
  }
  if (code == errc_provider) return KACHERY_ERROR_PROVIDER;
  if (code == errc_storage) return KACHERY_ERROR_STORAGE;
  if (code == errc_wrong_daemon) return KACHERY_ERROR_WRONG_DAEMON;
  return KACHERY_ERROR;
}

Errc errc_of_daemon(std::string_view word, std::string_view message) {
  for (int i = 0; i <= static_cast<int>(Errc::internal); ++i) {
    const auto code = static_cast<Errc>(i);
    if (name_of(code) != word) continue;
    // The daemon was reached: who was not is another node. It is also the daemon whose load was given up.
    if (code == Errc::unreachable) return errc_provider;
    return code == Errc::cancelled ? Errc::refused : code;
  }
  std::string lower(message);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  constexpr std::array phrases = {"not found", "unable to find", "could not find"};
  const bool not_found = std::any_of(phrases.begin(), phrases.end(), [&lower](const char* phrase) {
    return lower.find(phrase) != std::string::npos;
  });
  return not_found ? Errc::not_found : Errc::refused;
}

}  // namespace kachery::client
