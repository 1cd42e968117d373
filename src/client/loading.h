// load and cat.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/ids.h"
#include "client/monitor.h"
#include "client/session.h"
#include "codec/file_key.h"

namespace kachery::client {

// Has the daemon load `key` (from `from_node` only, if given), and answers the path that it names, which this
// process need not be able to open.
Result<std::string> load_by_daemon(Session& session, const FileKey& key,
                                   const std::optional<NodeId>& from_node, const Monitor& monitor);

// kachery_load_file().
Result<std::string> load_file(Session& session, const FileKey& key,
                              const std::optional<std::string>& destination,
                              const std::optional<NodeId>& from_node, const Monitor& monitor);

using Sink = std::function<Status(std::string_view)>;

// kachery_cat_file(). No `end`: to the end.
Status cat_file(Session& session, const FileKey& key, std::uint64_t start, std::optional<std::uint64_t> end,
                const Sink& sink, const Monitor& monitor);

// A small file, its hash checked. More than `max_bytes`: Errc::too_large.
Result<std::string> read_verified(Session& session, const FileKey& key, std::size_t max_bytes,
                                  const Monitor& monitor);

}  // namespace kachery::client
