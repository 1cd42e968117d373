// What only the daemon can answer or do: finding, channels, mutables, stopping.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "client/monitor.h"
#include "client/session.h"
#include "codec/file_key.h"
#include "codec/json.h"

namespace kachery::client {

// One answer to find_file(); false ends the search.
using FindResult = std::function<bool(const std::string& node_id, std::uint64_t size, const Json& whole)>;

// Errc::not_found if nobody has it.
Status find_file(Session& session, const FileKey& key, std::chrono::milliseconds timeout,
                 const FindResult& result);

struct Roles {
  bool message_proxy = false;
  bool data_proxy = false;
  bool is_public = false;
};

// Answers the address that is used for `url`.
Result<std::string> join_channel(Session& session, std::string_view url, Roles roles);
Status leave_channel(Session& session, std::string_view url);
Result<Json> joined_channels(Session& session);

Result<Json> get_mutable(Session& session, const Json& key);
Status set_mutable(Session& session, const Json& key, const Json& value);
Status delete_mutable(Session& session, const Json& key);

Status stop_daemon(Session& session, std::chrono::milliseconds wait);

// The value at an RFC 6901 pointer.
Result<Json> json_at(const Json& json, std::string_view pointer);

}  // namespace kachery::client
