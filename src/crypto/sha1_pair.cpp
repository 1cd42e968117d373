// The kernel alone is compiled for SHA extensions (see src/CMakeLists.txt), and includes nothing whose inline
// functions could be shared with code that must run anywhere.
#include "crypto/sha1_pair.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

namespace kachery {

namespace {

struct State {
  __m128i abcd;
  __m128i e;
};

inline State load(const std::uint32_t h[5]) {
  const __m128i abcd = _mm_loadu_si128(reinterpret_cast<const __m128i*>(h));
  return {_mm_shuffle_epi32(abcd, 0x1b), _mm_set_epi32(static_cast<int>(h[4]), 0, 0, 0)};
}

inline void store(const State& state, std::uint32_t h[5]) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(h), _mm_shuffle_epi32(state.abcd, 0x1b));
  h[4] = static_cast<std::uint32_t>(_mm_extract_epi32(state.e, 3));
}

// Rounds 4 I to 4 I + 3 of one state (FIPS 180-4, 6.1.2), with their four words of the schedule.
template <int I>
[[gnu::always_inline]] inline void rounds(State& state, __m128i words) {
  const __m128i e = I == 0 ? _mm_add_epi32(state.e, words) : _mm_sha1nexte_epu32(state.e, words);
  state.e = state.abcd;
  state.abcd = _mm_sha1rnds4_epu32(state.abcd, e, I / 5);
}

// The next four words of the schedule; `words` holds the last sixteen, in turn.
template <int I>
[[gnu::always_inline]] inline void step(State& first, State& second, __m128i words[4]) {
  if constexpr (I >= 4) {
    words[I % 4] = _mm_sha1msg2_epu32(
        _mm_xor_si128(_mm_sha1msg1_epu32(words[I % 4], words[(I + 1) % 4]), words[(I + 2) % 4]),
        words[(I + 3) % 4]);
  }
  rounds<I>(first, words[I % 4]);
  rounds<I>(second, words[I % 4]);
}

template <int... I>
struct Steps {
  [[gnu::always_inline]] static inline void run(State& first, State& second, __m128i words[4]) {
    (step<I>(first, second, words), ...);
  }
};
using AllSteps = Steps<0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19>;

inline void add_block(State& state, const State& before) {
  state.e = _mm_sha1nexte_epu32(state.e, before.e);
  state.abcd = _mm_add_epi32(state.abcd, before.abcd);
}

}  // namespace

bool sha1_pair_available() {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_SSSE3) == 0 || (c & bit_SSE4_1) == 0) return false;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_SHA) != 0;
}

void sha1_pair_update(std::uint32_t first_h[5], std::uint32_t second_h[5], const void* data,
                      std::size_t blocks) {
  const __m128i big_endian = _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f);
  State first = load(first_h);
  State second = load(second_h);
  const auto* block = static_cast<const __m128i*>(data);
  for (; blocks > 0; --blocks, block += 4) {
    const State first_before = first;
    const State second_before = second;
    __m128i words[4];
    for (int i = 0; i < 4; ++i) words[i] = _mm_shuffle_epi8(_mm_loadu_si128(block + i), big_endian);
    AllSteps::run(first, second, words);
    add_block(first, first_before);
    add_block(second, second_before);
  }
  store(first, first_h);
  store(second, second_h);
}

}  // namespace kachery

#else

#include <stdlib.h>

namespace kachery {

bool sha1_pair_available() {
  return false;
}

void sha1_pair_update(std::uint32_t*, std::uint32_t*, const void*, std::size_t) {
  abort();
}

}  // namespace kachery

#endif
