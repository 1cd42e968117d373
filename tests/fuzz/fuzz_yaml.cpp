// YAML: what parses is a value that JSON can carry, and JSON text of plain characters is YAML of the same
// value.
#include <algorithm>
#include <string>

#include "base/limits.h"
#include "codec/utf8.h"
#include "codec/yaml.h"
#include "fuzz/fuzz.h"

using namespace kachery;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Input input(data, size);
  const auto value = parse_yaml(input.rest());
  if (!value) {
    FUZZ_CHECK(!value.error().message.empty() && is_valid_utf8(value.error().message));
    return 0;
  }
  const std::string text = value->text();
  const auto json = Json::parse(text);
  FUZZ_CHECK(json && *json == *value);

  // YAML folds some characters that JSON leaves as they are, and its simple keys are short.
  const bool plain = text.size() < 1000 &&
                     std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
  if (plain) {
    const auto again = parse_yaml(text);
    FUZZ_CHECK(again && *again == *value);
  }
  return 0;
}
