// store and link.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "client/monitor.h"
#include "client/session.h"

namespace kachery::client {

// All answer the URI; no `label`: the last part of `path`.
Result<std::string> store_file(Session& session, const std::string& path,
                               const std::optional<std::string>& label, const Monitor& monitor);
Result<std::string> link_file(Session& session, const std::string& path,
                              const std::optional<std::string>& label, const Monitor& monitor);
Result<std::string> store_bytes(Session& session, std::string_view bytes, std::string_view label,
                                const Monitor& monitor);

}  // namespace kachery::client
