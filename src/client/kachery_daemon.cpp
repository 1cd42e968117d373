// The C API: the daemon, its channels and its mutables.
#include "base/log.h"
#include "client/asking.h"
#include "client/handle.h"

using namespace kachery;
using namespace kachery::client;

namespace {

Result<Json> parse_argument(const char* text, std::string_view what) {
  auto json = Json::parse(text);
  if (!json) return fail(Errc::invalid, "the {} must be JSON: {}", what, json.error().message);
  return json;
}

}  // namespace

kachery_status kachery_probe(kachery_client* client, char** json) {
  return run_for_text(client, json, [](Session& session) -> Result<std::string> {
    KACHERY_TRY(Daemon* const daemon, session.daemon());
    KACHERY_TRY(const Json probe, daemon->probe());
    return probe.text();
  });
}

kachery_status kachery_node_info(kachery_client* client, char** json) {
  return run_for_text(client, json, [](Session& session) -> Result<std::string> {
    KACHERY_TRY(Daemon* const daemon, session.daemon());
    KACHERY_TRY(const DaemonInfo info, daemon->connect());
    return info.probe.text();
  });
}

kachery_status kachery_stop_daemon(kachery_client* client, uint32_t wait_ms) {
  return run(client,
             [&](Session& session) { return stop_daemon(session, std::chrono::milliseconds(wait_ms)); });
}

kachery_status kachery_join_channel(kachery_client* client, const char* url, uint32_t roles,
                                    char** joined_url) {
  return run_for_text(client, joined_url, [&](Session& session) -> Result<std::string> {
    constexpr std::uint32_t known =
        KACHERY_ROLE_MESSAGE_PROXY | KACHERY_ROLE_DATA_PROXY | KACHERY_ROLE_PUBLIC;
    if ((roles & ~known) != 0) return fail(Errc::invalid, "roles {:#x} are unknown", roles & ~known);
    return join_channel(session, url,
                        {(roles & KACHERY_ROLE_MESSAGE_PROXY) != 0, (roles & KACHERY_ROLE_DATA_PROXY) != 0,
                         (roles & KACHERY_ROLE_PUBLIC) != 0});
  });
}

kachery_status kachery_leave_channel(kachery_client* client, const char* url) {
  return run(client, [&](Session& session) { return leave_channel(session, url); });
}

kachery_status kachery_get_channels(kachery_client* client, char** json) {
  return run_for_text(client, json, [](Session& session) -> Result<std::string> {
    KACHERY_TRY(const Json channels, joined_channels(session));
    return channels.text();
  });
}

kachery_status kachery_mutable_get(kachery_client* client, const char* key_json, char** value_json) {
  return run_for_text(client, value_json, [&](Session& session) -> Result<std::string> {
    KACHERY_TRY(const Json key, parse_argument(key_json, "key"));
    KACHERY_TRY(const Json value, get_mutable(session, key));
    return value.text();
  });
}

kachery_status kachery_mutable_set(kachery_client* client, const char* key_json, const char* value_json) {
  return run(client, [&](Session& session) -> Status {
    KACHERY_TRY(const Json key, parse_argument(key_json, "key"));
    KACHERY_TRY(const Json value, parse_argument(value_json, "value"));
    return set_mutable(session, key, value);
  });
}

kachery_status kachery_mutable_delete(kachery_client* client, const char* key_json) {
  return run(client, [&](Session& session) -> Status {
    KACHERY_TRY(const Json key, parse_argument(key_json, "key"));
    return delete_mutable(session, key);
  });
}

kachery_status kachery_json_get(const char* json, const char* pointer, char** value) {
  *value = nullptr;
  try {
    const auto parsed = Json::parse(json);
    if (!parsed) return KACHERY_ERROR_INVALID;
    const auto found = json_at(*parsed, pointer);
    if (!found) return status_of(found.error().code);
    *value = owned_copy(found->is_string() ? std::string(found->string()) : found->text());
    return KACHERY_OK;
  } catch (const std::bad_alloc&) {
    return KACHERY_ERROR_NO_MEMORY;
  }
}
