// PEM files: the only texts accepted are those that we would write, but for their line ends.
#include <algorithm>
#include <array>
#include <string>

#include "crypto/keys.h"
#include "fuzz/fuzz.h"

using namespace kachery;

namespace {

std::string normalized(std::string_view pem) {
  std::string out;
  for (std::size_t i = 0; i < pem.size(); ++i) {
    const bool cr_of_crlf = pem[i] == '\r' && i + 1 < pem.size() && pem[i + 1] == '\n';
    if (!cr_of_crlf) out += pem[i];
  }
  if (!out.ends_with('\n')) out += '\n';
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::string_view text = input.rest();
  if (const auto key = KeyPair::from_private_pem(text)) {
    FUZZ_CHECK(key->private_pem() == normalized(text));
    FUZZ_CHECK(public_key_from_pem(key->public_pem()).value() == key->public_key());
  }
  if (const auto key = public_key_from_pem(text)) {
    const std::string pem = normalized(text);
    FUZZ_CHECK(pem.starts_with("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA"));
    FUZZ_CHECK(pem.ends_with("\n-----END PUBLIC KEY-----\n"));
    FUZZ_CHECK(public_key_from_pem(pem).value() == *key);
  }

  std::array<std::uint8_t, 32> seed{};
  const std::string_view bytes = input.take(seed.size());
  std::copy(bytes.begin(), bytes.end(), seed.begin());
  const KeyPair key = KeyPair::from_seed(seed);
  FUZZ_CHECK(KeyPair::from_private_pem(key.private_pem()).value().public_key() == key.public_key());
  FUZZ_CHECK(verify(key.public_key(), input.rest(), key.sign(input.rest())));
  return 0;
}
