// The identifiers of protocol.md section 1 as types, so that one can't be passed for another.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/hex.h"

namespace kachery {

// A fixed number of bytes that is written as lower-case hex. Default: all zero.
template <class Tag, std::size_t N>
class HexId {
 public:
  static constexpr std::size_t size = N;

  HexId() = default;
  explicit HexId(const std::array<std::uint8_t, N>& bytes) : bytes_(bytes) {}

  // From 2 N hex digits of either case; nothing else.
  static std::optional<HexId> parse(std::string_view hex) {
    HexId id;
    if (!from_hex(hex, id.bytes_)) return std::nullopt;
    return id;
  }

  const std::array<std::uint8_t, N>& bytes() const { return bytes_; }
  std::string hex() const { return to_hex(bytes_); }
  // The first 10 digits: how logs name it.
  std::string brief() const { return hex().substr(0, 10); }

  friend auto operator<=>(const HexId&, const HexId&) = default;

 private:
  std::array<std::uint8_t, N> bytes_{};
};

using NodeId = HexId<struct NodeIdTag, 32>;        // a raw Ed25519 public key
using FeedId = HexId<struct FeedIdTag, 32>;        // a raw Ed25519 public key
using Sha1 = HexId<struct Sha1Tag, 20>;            // of a file, a chunk, a manifest, a subfeed name
using Signature = HexId<struct SignatureTag, 64>;  // Ed25519

// `n` random letters [A-Za-z] from the system's cryptographic generator.
std::string random_letters(std::size_t n);

// Exactly ten letters [A-Za-z]: requests, streams, packets and UDP messages are named so.
template <class Tag>
class LetterId {
 public:
  static constexpr std::size_t size = 10;

  static LetterId random() { return LetterId(random_letters(size)); }

  static std::optional<LetterId> parse(std::string_view text) {
    if (text.size() != size) return std::nullopt;
    for (const char c : text) {
      if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))) return std::nullopt;
    }
    return LetterId(std::string(text));
  }

  const std::string& str() const { return text_; }
  friend auto operator<=>(const LetterId&, const LetterId&) = default;

 private:
  explicit LetterId(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

using RequestId = LetterId<struct RequestIdTag>;
using StreamId = LetterId<struct StreamIdTag>;
using PacketId = LetterId<struct PacketIdTag>;

}  // namespace kachery

template <class Tag, std::size_t N>
struct std::hash<kachery::HexId<Tag, N>> {
  std::size_t operator()(const kachery::HexId<Tag, N>& id) const noexcept {
    // Hashes and keys are uniformly distributed already; peers who grind them gain one bucket only, since
    // every table of ours is bounded.
    std::size_t out = 0;
    std::memcpy(&out, id.bytes().data(), sizeof out);
    return out;
  }
};

template <class Tag>
struct std::hash<kachery::LetterId<Tag>> {
  std::size_t operator()(const kachery::LetterId<Tag>& id) const noexcept {
    return std::hash<std::string>()(id.str());
  }
};
