// libcrypto's low-level SHA-1 is deprecated in favour of EVP, whose state can't be taken out and gone on
// from.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/sha1.h"

#include <openssl/sha.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "crypto/sha1_pair.h"

namespace kachery {

namespace {

constexpr std::uint64_t block_bytes = 64;
// Bytes hashed for the file, then again for the chunk while they are still in the first-level cache.
constexpr std::size_t slice_bytes = 16u << 10;

}  // namespace

struct Sha1Hasher::State {
  State() { SHA1_Init(&context); }
  SHA_CTX context{};
  std::uint64_t length = 0;
};

Sha1Hasher::Sha1Hasher() : state_(std::make_unique<State>()) {}
Sha1Hasher::Sha1Hasher(const Sha1Hasher& other) : state_(std::make_unique<State>(*other.state_)) {}
Sha1Hasher::Sha1Hasher(Sha1Hasher&&) noexcept = default;
Sha1Hasher& Sha1Hasher::operator=(Sha1Hasher&&) noexcept = default;
Sha1Hasher::~Sha1Hasher() = default;

Sha1Hasher& Sha1Hasher::operator=(const Sha1Hasher& other) {
  if (this != &other) state_ = std::make_unique<State>(*other.state_);
  return *this;
}

void Sha1Hasher::update(std::string_view bytes) {
  SHA1_Update(&state_->context, bytes.data(), bytes.size());
  state_->length += bytes.size();
}

Sha1 Sha1Hasher::finish() {
  std::array<std::uint8_t, Sha1::size> digest{};
  SHA1_Final(digest.data(), &state_->context);
  *state_ = State();
  return Sha1(digest);
}

std::uint64_t Sha1Hasher::length() const {
  return state_->length;
}

Sha1Hasher::Midstate Sha1Hasher::midstate() const {
  if (state_->length % block_bytes != 0) {
    log_error("Sha1Hasher::midstate in the middle of a block, after {} bytes", state_->length);
    std::abort();
  }
  const SHA_CTX& context = state_->context;
  return {{context.h0, context.h1, context.h2, context.h3, context.h4}, state_->length};
}

Sha1Hasher Sha1Hasher::from_midstate(const Midstate& midstate) {
  if (midstate.length % block_bytes != 0) {
    log_error("Sha1Hasher::from_midstate needs whole blocks, got {} bytes", midstate.length);
    std::abort();
  }
  Sha1Hasher out;
  SHA_CTX& context = out.state_->context;
  context.h0 = midstate.h[0];
  context.h1 = midstate.h[1];
  context.h2 = midstate.h[2];
  context.h3 = midstate.h[3];
  context.h4 = midstate.h[4];
  // libcrypto counts bits, in two words.
  const std::uint64_t bits = midstate.length * 8;
  context.Nl = static_cast<SHA_LONG>(bits & 0xffffffffU);
  context.Nh = static_cast<SHA_LONG>(bits >> 32);
  out.state_->length = midstate.length;
  return out;
}

Sha1 sha1_of(std::string_view bytes) {
  Sha1Hasher hasher;
  hasher.update(bytes);
  return hasher.finish();
}

// Feeds both hashes, which must be at the same place within a block.
void update_pair(Sha1Hasher& file, Sha1Hasher& chunk, std::string_view bytes) {
  static const bool available = sha1_pair_available();
  const std::size_t to_block =
      static_cast<std::size_t>((block_bytes - file.length() % block_bytes) % block_bytes);
  if (available && bytes.size() >= to_block + block_bytes) {
    file.update(bytes.substr(0, to_block));
    chunk.update(bytes.substr(0, to_block));
    bytes.remove_prefix(to_block);
    const std::size_t blocks = bytes.size() / block_bytes;
    Sha1Hasher::Midstate first = file.midstate();
    Sha1Hasher::Midstate second = chunk.midstate();
    sha1_pair_update(first.h.data(), second.h.data(), bytes.data(), blocks);
    first.length += blocks * block_bytes;
    second.length += blocks * block_bytes;
    file = Sha1Hasher::from_midstate(first);
    chunk = Sha1Hasher::from_midstate(second);
    bytes.remove_prefix(blocks * block_bytes);
  }
  while (!bytes.empty()) {
    const std::string_view slice = bytes.substr(0, slice_bytes);
    file.update(slice);
    chunk.update(slice);
    bytes.remove_prefix(slice.size());
  }
}

void FileAndChunkHasher::update(std::string_view bytes) {
  while (!bytes.empty()) {
    // In the first chunk both hashes are in the same state, so that one is computed for both.
    const bool first = length_ < limits::chunk_bytes;
    const std::uint64_t to_boundary = limits::chunk_bytes - length_ % limits::chunk_bytes;
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), to_boundary));
    const std::string_view slice = bytes.substr(0, n);
    bytes.remove_prefix(n);

    if (first) {
      file_.update(slice);
    } else {
      update_pair(file_, chunk_, slice);
    }
    length_ += n;
    if (length_ % limits::chunk_bytes == 0) {
      chunks_.push_back(first ? Sha1Hasher(file_).finish() : chunk_.finish());
    }
  }
}

FileAndChunkHasher::Digests FileAndChunkHasher::finish() {
  Digests out;
  out.size = length_;
  out.file = file_.finish();
  out.chunks = std::exchange(chunks_, {});
  if (length_ % limits::chunk_bytes != 0) {
    out.chunks.push_back(length_ < limits::chunk_bytes ? out.file : chunk_.finish());
  }
  length_ = 0;
  return out;
}

}  // namespace kachery
