// Where the daemon and its storage are.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace kachery::client {

// Options as given: name to value (kachery_options).
using OptionMap = std::map<std::string, std::string, std::less<>>;

bool is_option(std::string_view name);
// What the environment sets; empty variables count as unset.
OptionMap options_from_environment();

struct Settings {
  std::string host = "localhost";
  std::uint16_t port = 20431;
  std::optional<std::string> storage_dir;
  std::optional<std::string> offline_dir;
  std::chrono::milliseconds request_timeout{15'000};
  std::chrono::milliseconds idle_timeout{600'000};

  static Result<Settings> from(const OptionMap& options);

  // "http://localhost:20431"
  std::string api_url() const;
};

// Against the working directory; symbolic links stay. Errc::invalid for an empty path.
Result<std::string> absolute_path(const std::string& path);

// ~/kachery-storage, if there is a home.
std::optional<std::string> default_storage_dir();

}  // namespace kachery::client
