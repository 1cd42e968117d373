// Two SHA-1 states over the same blocks in one pass. A file's hash and its chunk's hash cover the same
// 64-byte blocks (chunks are 312,500 of them), so the message schedule is computed once for both; and since a
// single stream is bound by the latency of its rounds, the second state costs little more.
#pragma once

#include <cstddef>
#include <cstdint>

namespace kachery {

// Whether this processor has the instructions (x86-64 with SHA extensions).
bool sha1_pair_available();

// Feeds `blocks` blocks of 64 bytes to both states (h0..h4). Only where sha1_pair_available().
void sha1_pair_update(std::uint32_t first[5], std::uint32_t second[5], const void* data, std::size_t blocks);

}  // namespace kachery
