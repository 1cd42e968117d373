#include "daemon/settings.h"

#include "api/client_auth.h"
#include "base/log.h"

namespace kachery::daemon {

namespace {

bool is_key(const Json& key, std::string_view name) {
  return key.is_string() && key.string() == name;
}

}  // namespace

Status Settings::check(const Json& key, const Json& value) const {
  if (is_key(key, joined_channels_key)) {
    KACHERY_CHECK(joined_channels_from_json(value));
  } else if (is_key(key, other_client_codes_key)) {
    KACHERY_CHECK(api::other_codes_from_json(value));
  }
  return {};
}

void Settings::apply(const Json& key, const std::optional<Json>& value) {
  if (is_key(key, joined_channels_key)) {
    apply_channels(value);
  } else if (is_key(key, other_client_codes_key)) {
    apply_codes(value);
  }
}

void Settings::apply_channels(const std::optional<Json>& value) {
  if (channels_are_static_) {
    if (value) {
      log_warning("the stored joined channels are not used: this daemon runs with --static-config");
    }
    return;
  }
  auto channels = value ? joined_channels_from_json(*value) : std::vector<JoinedChannel>();
  if (!channels) {
    log_warning("the stored joined channels are not used: {}", channels.error().message);
    return;
  }
  log_info("joined channels: {}", channels->size());
  targets_.join(*std::move(channels));
}

void Settings::apply_codes(const std::optional<Json>& value) {
  auto codes = value ? api::other_codes_from_json(*value) : std::vector<std::string>();
  if (!codes) {
    log_warning("the stored authorization codes of other clients are not used: {}", codes.error().message);
    return;
  }
  targets_.accept_codes(*std::move(codes));
}

}  // namespace kachery::daemon
