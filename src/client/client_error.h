// How the failures of a client become statuses of the C API.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/error.h"

namespace kachery::client {

// Failures that only a client can meet travel as further values of Errc; name_of() does not know them.
inline constexpr Errc errc_provider = static_cast<Errc>(1000);      // a node with the file is out of reach
inline constexpr Errc errc_storage = static_cast<Errc>(1001);       // the storage directory is of no use
inline constexpr Errc errc_wrong_daemon = static_cast<Errc>(1002);  // another directory's daemon answers

// A kachery_status.
std::int32_t status_of(Errc code);

// What the daemon's word for an error (name_of(), in the header Kachery-Error or the member "errorCode")
// means to its client. Daemons of 0.8.31 send no word: then the message is searched for "not found", else it
// is Errc::refused.
Errc errc_of_daemon(std::string_view word, std::string_view message);

}  // namespace kachery::client
