#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <string>

#include "crypto/sha1.h"
#include "crypto/sha1_pair.h"

namespace kachery {
namespace {

std::string evp_sha1(std::string_view bytes) {
  std::array<std::uint8_t, 20> digest{};
  unsigned length = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha1(), nullptr);
  return Sha1(digest).hex();
}

std::string test_bytes(std::size_t n) {
  std::string out(n, '\0');
  std::uint32_t x = 12345;
  for (char& c : out) {
    x = x * 1664525 + 1013904223;
    c = static_cast<char>(x >> 24);
  }
  return out;
}

// Every prefix, length and cut around the blocks, with a chunk that began later than the file.
TEST(Sha1Pair, AgreesWithEvpAtEveryLengthAndCut) {
  const std::string bytes = test_bytes(64 * 6);
  for (const std::size_t before : {std::size_t{0}, std::size_t{64}, std::size_t{128}}) {
    for (std::size_t end = before; end <= bytes.size(); ++end) {
      for (std::size_t cut = before; cut <= end; cut += 7) {
        Sha1Hasher file;
        Sha1Hasher chunk;
        file.update(std::string_view(bytes).substr(0, before));
        update_pair(file, chunk, std::string_view(bytes).substr(before, cut - before));
        update_pair(file, chunk, std::string_view(bytes).substr(cut, end - cut));
        ASSERT_EQ(file.length(), end);
        ASSERT_EQ(file.finish().hex(), evp_sha1(std::string_view(bytes).substr(0, end)));
        ASSERT_EQ(chunk.finish().hex(), evp_sha1(std::string_view(bytes).substr(before, end - before)));
      }
    }
  }
}

TEST(Sha1Pair, KernelTakesUnalignedData) {
  if (!sha1_pair_available()) GTEST_SKIP() << "this processor has no SHA extensions";
  const std::string bytes = test_bytes(64 * 9 + 3);
  for (std::size_t offset = 0; offset < 3; ++offset) {
    const std::string_view data = std::string_view(bytes).substr(offset, 64 * 9);
    Sha1Hasher::Midstate first = Sha1Hasher().midstate();
    Sha1Hasher::Midstate second = first;
    second.h[0] ^= 1;  // another state must not disturb the first
    sha1_pair_update(first.h.data(), second.h.data(), data.data(), 9);
    first.length = data.size();
    EXPECT_EQ(Sha1Hasher::from_midstate(first).finish().hex(), evp_sha1(data));
    EXPECT_NE(first.h, second.h);
  }
}

}  // namespace
}  // namespace kachery
