// JSON text: what parses is written, read back and written the same; numbers and strings keep their value.
#include <array>
#include <cmath>
#include <cstring>
#include <string>

#include "codec/json.h"
#include "codec/json_text.h"
#include "codec/utf8.h"
#include "fuzz/fuzz.h"

using namespace kachery;

namespace {

void check_text(std::string_view text) {
  const auto value = Json::parse(text);
  if (!value) {
    FUZZ_CHECK(!value.error().message.empty());
    FUZZ_CHECK(is_valid_utf8(value.error().message));
    return;
  }
  const std::string compact = value->text();
  const auto again = Json::parse(compact);
  FUZZ_CHECK(again && *again == *value);
  FUZZ_CHECK(again->text() == compact);

  const std::string canonical = canonical_json(*value);
  FUZZ_CHECK(canonical.size() == compact.size());
  const auto from_canonical = Json::parse(canonical);
  FUZZ_CHECK(from_canonical && *from_canonical == *value);
  FUZZ_CHECK(canonical_json(*from_canonical) == canonical && from_canonical->text() == canonical);

  for (const auto& [key, member] : value->members()) FUZZ_CHECK((*value)[key] == member);
  if (value->is_number() && value->integer()) {
    FUZZ_CHECK(static_cast<double>(*value->integer()) == value->number());
  }
}

void check_number(std::string_view bytes) {
  double number = 0;
  std::array<char, sizeof number> raw{};
  bytes.copy(raw.data(), raw.size());
  std::memcpy(&number, raw.data(), raw.size());
  std::string text;
  append_json_number(text, number);
  const auto back = Json::parse(text);
  FUZZ_CHECK(back);
  FUZZ_CHECK(std::isfinite(number) ? back->number() == number : back->is_null());
}

void check_string(std::string_view bytes) {
  const Json string(bytes);
  FUZZ_CHECK(is_valid_utf8(string.string()));
  FUZZ_CHECK((string.string() == bytes) == is_valid_utf8(bytes));
  const auto back = Json::parse(string.text());
  FUZZ_CHECK(back && back->string() == string.string());

  const std::string_view a = bytes.substr(0, bytes.size() / 2);
  const std::string_view b = bytes.substr(bytes.size() / 2);
  FUZZ_CHECK(!utf16_less(a, a));
  FUZZ_CHECK(utf16_less(a, b) + utf16_less(b, a) + (a == b) == 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Input input(data, size);
  check_text(input.rest());
  check_number(input.rest());
  check_string(input.rest());
  return 0;
}
