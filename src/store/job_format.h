// How the store's jobs and their results look as JSON, for both sides of the worker. For this room only.
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "codec/json.h"
#include "crypto/sha1.h"
#include "store/store.h"

namespace kachery {

namespace job {
inline constexpr const char* store_file = "store_file";
inline constexpr const char* link_file = "link_file";
inline constexpr const char* commit = "commit";
inline constexpr const char* store_bytes = "store_bytes";
inline constexpr const char* hash_range = "hash_range";
inline constexpr const char* commit_partial = "commit_partial";
inline constexpr const char* remove_partials = "remove_partials";
}  // namespace job

// Paths are bytes, JSON strings are UTF-8: paths travel as hex.
Json path_to_json(std::string_view path);
Result<std::string> path_from_json(const Json& json);

Json sha1_to_json(const std::optional<Sha1>& sha1);
Result<Sha1> sha1_from_json(const Json& json);

Result<std::uint64_t> count_from_json(const Json& json);

Json stored_to_json(const StoredFile& stored);
Result<StoredFile> stored_from_json(const Json& json);

Json midstate_to_json(const std::optional<Sha1Hasher::Midstate>& midstate);
Result<std::optional<Sha1Hasher::Midstate>> midstate_from_json(const Json& json);

}  // namespace kachery
