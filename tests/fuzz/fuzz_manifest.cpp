// Manifests: what is accepted adds up, and its exact text is read back the same.
#include <cstdint>
#include <string>

#include "fuzz/fuzz.h"
#include "store/manifest.h"

using namespace kachery;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Input input(data, size);
  const auto manifest = Manifest::parse(input.rest());
  if (!manifest) return 0;
  std::uint64_t at = 0;
  for (const ManifestChunk& chunk : manifest->chunks) {
    FUZZ_CHECK(chunk.range.start == at && chunk.range.end > at);
    at = chunk.range.end;
  }
  FUZZ_CHECK(at == manifest->size);

  const std::string text = manifest->text();
  const auto again = Manifest::parse(text);
  FUZZ_CHECK(again && again->text() == text);
  FUZZ_CHECK(again->size == manifest->size && again->sha1 == manifest->sha1);
  return 0;
}
