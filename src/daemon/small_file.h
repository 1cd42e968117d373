// Small files that others read at any time: they see the old content or the new one, never a part.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace kachery::daemon {

// Replaces `path` by a file with exactly this content, mode and (if given) group. Not synced: for what is
// written again at every start.
Status replace_file(const std::string& path, std::string_view content, mode_t mode,
                    std::optional<gid_t> group);

// The text of a regular file of at most `max_bytes`.
Result<std::string> read_file(const std::string& path, std::size_t max_bytes);

// The id of a group by its name.
Result<gid_t> group_id(const std::string& name);

}  // namespace kachery::daemon
