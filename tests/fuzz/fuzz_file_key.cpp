// File keys: what is accepted is written and read back the same, in JSON and in BSON.
#include "base/limits.h"
#include "codec/bson.h"
#include "codec/file_key.h"
#include "codec/uri.h"
#include "fuzz/fuzz.h"

using namespace kachery;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Input input(data, size);
  const auto json = Json::parse(input.rest());
  if (!json) return 0;
  const auto key = FileKey::from_json(*json);
  if (!key) return 0;

  const auto again = FileKey::from_json(key->json());
  FUZZ_CHECK(again && *again == *key);
  FUZZ_CHECK(key->json().size() == json->size());
  const auto through_bson = FileKey::from_json(bson::decode(bson::encode(key->json()).value()).value());
  FUZZ_CHECK(through_bson && *through_bson == *key);
  if (key->chunk_of) {
    FUZZ_CHECK(key->chunk_of->range.start < key->chunk_of->range.end);
    FUZZ_CHECK(key->chunk_of->range.end <= limits::file_bytes);
  }

  // A URI has no place for the manifest of the file that a chunk is of.
  FileKey in_uri = *key;
  if (in_uri.chunk_of) in_uri.chunk_of->file_manifest.reset();
  const auto uri = parse_file_uri(file_uri(*key, "label"));
  FUZZ_CHECK(uri && uri->key == in_uri);
  return 0;
}
