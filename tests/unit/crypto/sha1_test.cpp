#include "crypto/sha1.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/limits.h"
#include "support/vectors.h"

namespace kachery {
namespace {

// An independent way to the same hash.
Sha1 evp_sha1(std::string_view bytes) {
  std::array<std::uint8_t, Sha1::size> out{};
  EXPECT_EQ(EVP_Digest(bytes.data(), bytes.size(), out.data(), nullptr, EVP_sha1(), nullptr), 1);
  return Sha1(out);
}

// The byte rule of the golden manifests.
std::string golden_bytes(std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>(7 * i + 13 * (i >> 8) + 31 * (i >> 16));
  return out;
}

Sha1Hasher fed(std::string_view bytes) {
  Sha1Hasher hasher;
  hasher.update(bytes);
  return hasher;
}

TEST(Sha1, KnownValues) {
  EXPECT_EQ(sha1_of("").hex(), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  EXPECT_EQ(sha1_of(std::string_view()).hex(), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  EXPECT_EQ(sha1_of("abc").hex(), "a9993e364706816aba3e25717850c26c9cd0d89d");
}

TEST(Sha1, EveryLengthAroundTheBlocks) {
  const std::string bytes = golden_bytes(64 * 5 + 2);
  for (std::size_t n = 0; n <= bytes.size(); ++n) {
    EXPECT_EQ(sha1_of(std::string_view(bytes).substr(0, n)), evp_sha1(std::string_view(bytes).substr(0, n)))
        << n;
  }
}

TEST(Sha1, PiecesGiveWhatTheWholeGives) {
  const std::string bytes = golden_bytes(1000);
  for (const std::size_t size : {1U, 2U, 3U, 7U, 63U, 64U, 65U, 999U}) {
    Sha1Hasher hasher;
    for (std::size_t at = 0; at < bytes.size(); at += size)
      hasher.update(std::string_view(bytes).substr(at, size));
    EXPECT_EQ(hasher.length(), bytes.size());
    EXPECT_EQ(hasher.finish(), evp_sha1(bytes)) << size;
  }
}

TEST(Sha1, FinishingStartsAnew) {
  Sha1Hasher hasher = fed("abc");
  hasher.finish();
  EXPECT_EQ(hasher.length(), 0U);
  hasher.update("abc");
  EXPECT_EQ(hasher.finish(), sha1_of("abc"));
}

TEST(Sha1, CopiesGoOnAlone) {
  Sha1Hasher a = fed("ab");
  Sha1Hasher b = a;
  a.update("c");
  b.update("d");
  Sha1Hasher c;
  c = a;
  EXPECT_EQ(a.finish(), sha1_of("abc"));
  EXPECT_EQ(b.finish(), sha1_of("abd"));
  EXPECT_EQ(c.finish(), sha1_of("abc"));
  Sha1Hasher d = fed("ab");
  Sha1Hasher e = std::move(d);
  e.update("c");
  EXPECT_EQ(e.finish(), sha1_of("abc"));
}

TEST(Sha1, GoesOnFromAMidstate) {
  const std::string bytes = golden_bytes(64 * 20 + 13);
  const Sha1 expected = evp_sha1(bytes);
  for (std::size_t cut = 0; cut <= 64 * 20; cut += 64) {
    const Sha1Hasher::Midstate midstate = fed(std::string_view(bytes).substr(0, cut)).midstate();
    EXPECT_EQ(midstate.length, cut);
    Sha1Hasher resumed = Sha1Hasher::from_midstate(midstate);
    EXPECT_EQ(resumed.length(), cut);
    resumed.update(std::string_view(bytes).substr(cut));
    EXPECT_EQ(resumed.finish(), expected) << cut;
  }
}

TEST(Sha1, MidstatesCountBeyond4GiBOfBits) {
  // 2^29 bytes are 2^32 bits: the count that the padding holds must carry into its upper word.
  const std::string mebibyte = golden_bytes(1u << 20);
  Sha1Hasher whole;
  for (int i = 0; i < 512; ++i) whole.update(mebibyte);
  Sha1Hasher resumed = Sha1Hasher::from_midstate(whole.midstate());
  whole.update("tail");
  resumed.update("tail");
  EXPECT_EQ(resumed.finish(), whole.finish());
}

TEST(Sha1DeathTest, MidstatesAreOfWholeBlocks) {
  EXPECT_DEATH((void)fed("abc").midstate(), "in the middle of a block");
  EXPECT_DEATH((void)Sha1Hasher::from_midstate({{}, 63}), "whole blocks");
}

TEST(FileAndChunkHasher, GoldenManifests) {
  for (const Json& v : testing::items(testing::vectors("manifests")["cases"])) {
    const auto size = static_cast<std::size_t>(v["size"].integer().value());
    FileAndChunkHasher hasher;
    hasher.update(golden_bytes(size));
    EXPECT_EQ(hasher.length(), size);
    const FileAndChunkHasher::Digests digests = hasher.finish();
    EXPECT_EQ(digests.size, size);
    EXPECT_EQ(digests.file.hex(), v["sha1"].string());
    if (v["manifest"].is_null()) continue;
    const Json chunks = Json::parse(v["manifest"].string()).value()["chunks"];
    ASSERT_EQ(digests.chunks.size(), chunks.size());
    for (std::size_t i = 0; i < chunks.size(); ++i)
      EXPECT_EQ(digests.chunks[i].hex(), chunks[i]["sha1"].string());
  }
}

TEST(FileAndChunkHasher, EveryLengthAroundTheChunkEdges) {
  const std::size_t chunk = limits::chunk_bytes;
  const std::string bytes = golden_bytes(2 * chunk + 65);
  const std::string_view all = bytes;
  // Hash once up to just before each edge, then every length from there on.
  for (const std::size_t edge : {chunk, 2 * chunk}) {
    FileAndChunkHasher before;
    before.update(all.substr(0, edge - 65));
    for (std::size_t n = edge - 65; n <= edge + 65; ++n) {
      FileAndChunkHasher hasher = before;
      hasher.update(all.substr(edge - 65, n - (edge - 65)));
      const auto digests = hasher.finish();
      ASSERT_EQ(digests.size, n);
      ASSERT_EQ(digests.chunks.size(), (n + chunk - 1) / chunk);
      ASSERT_EQ(digests.chunks.back(),
                evp_sha1(all.substr((digests.chunks.size() - 1) * chunk, n % chunk == 0 ? chunk : n % chunk)))
          << n;
    }
  }
  for (const std::size_t n : {chunk - 1, chunk, chunk + 1, 2 * chunk, 2 * chunk + 65}) {
    FileAndChunkHasher hasher;
    for (std::size_t at = 0; at < n; at += 262'144)
      hasher.update(all.substr(at, std::min<std::size_t>(262'144, n - at)));
    const auto digests = hasher.finish();
    EXPECT_EQ(digests.file, evp_sha1(all.substr(0, n))) << n;
    EXPECT_EQ(digests.chunks.front(), evp_sha1(all.substr(0, std::min(n, chunk)))) << n;
  }
}

TEST(FileAndChunkHasher, TheEmptyFileHasNoChunks) {
  FileAndChunkHasher hasher;
  hasher.update("");
  const auto digests = hasher.finish();
  EXPECT_EQ(digests.file, sha1_of(""));
  EXPECT_TRUE(digests.chunks.empty());
}

TEST(FileAndChunkHasher, FinishingStartsAnew) {
  FileAndChunkHasher hasher;
  hasher.update(golden_bytes(limits::chunk_bytes + 5));
  hasher.finish();
  EXPECT_EQ(hasher.length(), 0U);
  hasher.update("abc");
  const auto digests = hasher.finish();
  EXPECT_EQ(digests.file, sha1_of("abc"));
  EXPECT_EQ(digests.chunks, std::vector<Sha1>{sha1_of("abc")});
}

}  // namespace
}  // namespace kachery
