// The one buffer that files pass through on their way from read to hash and write.
#pragma once

#include <cstddef>

namespace kachery {

inline constexpr std::size_t piece_bytes = 256u << 10;  // stays in the second-level cache meanwhile

// `piece_bytes` bytes, the caller's until it returns to whoever called it.
char* piece_buffer();

}  // namespace kachery
