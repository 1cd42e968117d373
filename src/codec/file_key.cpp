#include "codec/file_key.h"

#include "base/limits.h"
#include "codec/json_fields.h"

namespace kachery {

namespace {

Sha1 read_sha1(JsonFields& fields, std::string_view name) {
  const std::string text = fields.string(name);
  const auto sha1 = Sha1::parse(text);
  if (!sha1) fields.problem(name, "must be 40 hex digits");
  return sha1.value_or(Sha1());
}

std::optional<Sha1> read_optional_sha1(JsonFields& fields, std::string_view name) {
  const auto text = fields.optional_string(name);
  if (!text) return std::nullopt;
  const auto sha1 = Sha1::parse(*text);
  if (!sha1) fields.problem(name, "must be 40 hex digits");
  return sha1;
}

std::uint64_t read_byte_count(JsonFields& fields, std::string_view name) {
  const std::int64_t count = fields.integer(name);
  if (count < 0) fields.problem(name, "must not be negative");
  return count < 0 ? 0 : static_cast<std::uint64_t>(count);
}

Result<ChunkOf> chunk_of_from_json(const Json& json) {
  JsonFields fields(json, "chunkOf of a file key");
  const Json file_key = fields.object("fileKey");
  ChunkOf chunk;
  chunk.range.start = read_byte_count(fields, "startByte");
  chunk.range.end = read_byte_count(fields, "endByte");
  if (chunk.range.start >= chunk.range.end) fields.problem("startByte", "must be less than endByte");
  if (chunk.range.end > limits::file_bytes) fields.problem("endByte", "must be at most 2^53");
  KACHERY_CHECK(fields.finish());

  // A chunk of a chunk has no meaning on the network: here chunkOf is an unknown field.
  JsonFields inner(file_key, "fileKey of a chunkOf");
  chunk.file = read_sha1(inner, "sha1");
  chunk.file_manifest = read_optional_sha1(inner, "manifestSha1");
  KACHERY_CHECK(inner.finish());
  return chunk;
}

Json key_json(const Sha1& sha1, const std::optional<Sha1>& manifest) {
  Json out = Json::object({{"sha1", sha1.hex()}});
  if (manifest) out.set("manifestSha1", manifest->hex());
  return out;
}

}  // namespace

Result<FileKey> FileKey::from_json(const Json& json) {
  JsonFields fields(json, "file key");
  FileKey key;
  key.sha1 = read_sha1(fields, "sha1");
  key.manifest = read_optional_sha1(fields, "manifestSha1");
  const auto chunk_of_json = fields.optional_any("chunkOf");
  KACHERY_CHECK(fields.finish());
  if (chunk_of_json) {
    KACHERY_TRY(key.chunk_of, chunk_of_from_json(*chunk_of_json));
  }
  return key;
}

Json FileKey::json() const {
  Json out = key_json(sha1, manifest);
  if (chunk_of) {
    out.set("chunkOf", Json::object({{"fileKey", key_json(chunk_of->file, chunk_of->file_manifest)},
                                     {"startByte", chunk_of->range.start},
                                     {"endByte", chunk_of->range.end}}));
  }
  return out;
}

}  // namespace kachery
