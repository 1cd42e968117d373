// Reading small files whole.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "store/env.h"

namespace kachery {

// The first `size` bytes of `fd`, without moving its offset; fewer if it has fewer. More than `max_bytes` is
// Errc::too_large.
Result<std::string> read_fully(Env& env, int fd, std::uint64_t size, std::uint64_t max_bytes);

}  // namespace kachery
