#include "store/job_format.h"

#include <limits>

namespace kachery {

Json path_to_json(std::string_view path) {
  return to_hex({reinterpret_cast<const std::uint8_t*>(path.data()), path.size()});
}

Result<std::string> path_from_json(const Json& json) {
  std::string path(json.string().size() / 2, '\0');
  if (!from_hex(json.string(), {reinterpret_cast<std::uint8_t*>(path.data()), path.size()})) {
    return fail(Errc::internal, "a job's path must be hex");
  }
  return path;
}

Json sha1_to_json(const std::optional<Sha1>& sha1) {
  return sha1 ? Json(sha1->hex()) : Json();
}

Result<Sha1> sha1_from_json(const Json& json) {
  const auto sha1 = Sha1::parse(json.string());
  if (!sha1) return fail(Errc::internal, "a job's hash must be 40 hex digits");
  return *sha1;
}

Result<std::uint64_t> count_from_json(const Json& json) {
  const auto value = json.integer();
  if (!value || *value < 0) return fail(Errc::internal, "a job's number must be a natural one");
  return static_cast<std::uint64_t>(*value);
}

Json stored_to_json(const StoredFile& stored) {
  return Json::object({{"sha1", sha1_to_json(stored.sha1)},
                       {"manifest", sha1_to_json(stored.manifest)},
                       {"size", stored.size}});
}

Result<StoredFile> stored_from_json(const Json& json) {
  StoredFile stored;
  KACHERY_TRY(stored.sha1, sha1_from_json(json["sha1"]));
  if (!json["manifest"].is_null()) {
    KACHERY_TRY(stored.manifest, sha1_from_json(json["manifest"]));
  }
  KACHERY_TRY(stored.size, count_from_json(json["size"]));
  return stored;
}

Json midstate_to_json(const std::optional<Sha1Hasher::Midstate>& midstate) {
  if (!midstate) return {};
  Json words = Json::array();
  for (const std::uint32_t word : midstate->h) words.push(std::uint64_t{word});
  return Json::object({{"h", words}, {"length", midstate->length}});
}

Result<std::optional<Sha1Hasher::Midstate>> midstate_from_json(const Json& json) {
  if (json.is_null()) return std::optional<Sha1Hasher::Midstate>();
  Sha1Hasher::Midstate midstate;
  const Json words = json["h"];
  for (std::size_t i = 0; i < midstate.h.size(); ++i) {
    KACHERY_TRY(const std::uint64_t word, count_from_json(words[i]));
    if (word > std::numeric_limits<std::uint32_t>::max())
      return fail(Errc::internal, "a hash state out of range");
    midstate.h[i] = static_cast<std::uint32_t>(word);
  }
  KACHERY_TRY(midstate.length, count_from_json(json["length"]));
  if (midstate.length % 64 != 0) return fail(Errc::internal, "a hash state in the middle of a block");
  return midstate;
}

}  // namespace kachery
