// What the daemon reads from mutables and from its static configuration, applied as soon as it changes.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "codec/json.h"
#include "wire/channel_config.h"

namespace kachery::daemon {

inline constexpr std::string_view joined_channels_key = "_joined_channels_config";
inline constexpr std::string_view other_client_codes_key = "_other_client_auth_codes";

class Settings {
 public:
  // Who is told. Never from within a constructor.
  struct Targets {
    std::function<void(std::vector<JoinedChannel>)> join;
    std::function<void(std::vector<std::string>)> accept_codes;
  };
  // With `channels_are_static`, stored channels are kept for later runs but not joined.
  Settings(Targets targets, bool channels_are_static)
      : targets_(std::move(targets)), channels_are_static_(channels_are_static) {}

  // Whether `value` may be stored under `key`: one of ours must have its form, all others are free.
  Status check(const Json& key, const Json& value) const;

  // Applies a stored value (nothing: there is none any more). One of the wrong form, which an older program
  // may have stored, is reported in the log and leaves everything as it is.
  void apply(const Json& key, const std::optional<Json>& value);

 private:
  void apply_channels(const std::optional<Json>& value);
  void apply_codes(const std::optional<Json>& value);

  Targets targets_;
  bool channels_are_static_;
};

}  // namespace kachery::daemon
