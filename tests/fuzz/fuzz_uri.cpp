// File URIs: what parses is written and read back the same; no label can change the key.
#include <string>

#include "codec/uri.h"
#include "codec/utf8.h"
#include "fuzz/fuzz.h"

using namespace kachery;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Input input(data, size);
  const auto parsed = parse_file_uri(input.rest());
  if (parsed) {
    const std::string uri = file_uri(parsed->key, parsed->label);
    const auto again = parse_file_uri(uri);
    FUZZ_CHECK(again && again->key == parsed->key && again->label == parsed->label);
    FUZZ_CHECK(file_uri(again->key, again->label) == uri);
    if (parsed->key.chunk_of) FUZZ_CHECK(parsed->key.chunk_of->range.start < parsed->key.chunk_of->range.end);
  } else {
    FUZZ_CHECK(is_valid_utf8(parsed.error().message));
  }

  const FileKey key = parsed ? parsed->key : FileKey();
  const auto labelled = parse_file_uri(file_uri(key, input.rest()));
  FUZZ_CHECK(labelled && labelled->key == key);

  const std::string url = normalized_gist_url(input.rest());
  FUZZ_CHECK(normalized_gist_url(url) == url);
  return 0;
}
