// BSON: what decodes is encoded canonically and decodes to the same value, which JSON can carry too.
#include <string>

#include "codec/bson.h"
#include "codec/json.h"
#include "fuzz/fuzz.h"

using namespace kachery;

namespace {

void check_value(const Json& value) {
  const auto encoded = bson::encode(value);
  FUZZ_CHECK(encoded);
  const auto decoded = bson::decode(*encoded);
  FUZZ_CHECK(decoded && *decoded == value);
  FUZZ_CHECK(bson::encode(*decoded).value() == *encoded);
  FUZZ_CHECK(canonical_json(*decoded) == canonical_json(value));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Input input(data, size);
  if (const auto decoded = bson::decode(input.rest())) {
    check_value(*decoded);
    const auto json = Json::parse(decoded->text());
    FUZZ_CHECK(json && *json == *decoded);
  }
  if (const auto json = Json::parse(input.rest()); json && json->is_object()) check_value(*json);
  return 0;
}
