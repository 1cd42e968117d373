// Removes what crashed processes left in the storage directory. For this room only.
#pragma once

#include <cstdint>
#include <string>

#include "store/store.h"

namespace kachery {

// Removes files of ROOT/tmp, and store.file.*.tmp of 0.8.31 in ROOT, that were not touched for a minute and
// that no living process has locked. Best effort. Never looks into sha1/. `now_s`: the file system's time.
void remove_rubbish(const Store& store, std::int64_t now_s);

// Removes the regular file `path` if it was not touched for `max_age_s` seconds and nobody has it locked, and
// tells how many bytes that freed.
std::uint64_t remove_if_abandoned(Env& env, const std::string& path, std::int64_t now_s,
                                  std::int64_t max_age_s);

}  // namespace kachery
