// SHA-1 of streams, by libcrypto.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/ids.h"

namespace kachery {

// One running hash. Copyable, so that a state can be kept and gone on from.
class Sha1Hasher {
 public:
  Sha1Hasher();
  Sha1Hasher(const Sha1Hasher& other);
  Sha1Hasher& operator=(const Sha1Hasher& other);
  Sha1Hasher(Sha1Hasher&&) noexcept;
  Sha1Hasher& operator=(Sha1Hasher&&) noexcept;
  ~Sha1Hasher();

  void update(std::string_view bytes);
  Sha1 finish();  // then reset to the empty state
  std::uint64_t length() const;

  // The state after a whole number of 64-byte blocks, to be gone on from in another process. A manifest's
  // chunks begin at block boundaries (20,000,000 = 312,500 x 64).
  struct Midstate {
    std::array<std::uint32_t, 5> h{};
    std::uint64_t length = 0;  // bytes so far, a multiple of 64
  };
  Midstate midstate() const;  // length() must be a multiple of 64 (asserted)
  static Sha1Hasher from_midstate(const Midstate& midstate);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Sha1 sha1_of(std::string_view bytes);

// Feeds both hashes, which must be at the same place within a 64-byte block, in one pass over the bytes.
void update_pair(Sha1Hasher& file, Sha1Hasher& chunk, std::string_view bytes);

// The hash of a file and of each of its chunks of limits::chunk_bytes, from one pass over the bytes.
class FileAndChunkHasher {
 public:
  void update(std::string_view bytes);
  std::uint64_t length() const { return length_; }

  struct Digests {
    std::uint64_t size = 0;
    Sha1 file;
    std::vector<Sha1> chunks;  // the last one may be of a shorter chunk; one for an empty file: none
  };
  Digests finish();

 private:
  Sha1Hasher file_;
  Sha1Hasher chunk_;
  std::uint64_t length_ = 0;
  std::vector<Sha1> chunks_;
};

}  // namespace kachery
