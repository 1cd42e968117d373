#include "client/settings.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <system_error>

#include "base/log.h"

namespace kachery::client {

namespace {

struct Option {
  std::string_view name;
  const char* variable;  // NULL: none
};

constexpr std::array<Option, 6> known_options = {{{"api-host", "KACHERY_P2P_API_HOST"},
                                                  {"api-port", "KACHERY_P2P_API_PORT"},
                                                  {"storage-dir", "KACHERY_STORAGE_DIR"},
                                                  {"offline-storage-dir", "KACHERY_OFFLINE_STORAGE_DIR"},
                                                  {"request-timeout-ms", nullptr},
                                                  {"idle-timeout-ms", nullptr}}};

// The option, and the variable that may have set it.
std::string described(std::string_view name) {
  for (const Option& option : known_options) {
    if (option.name == name && option.variable != nullptr)
      return fmt::format("{} ({})", name, option.variable);
  }
  return std::string(name);
}

Result<std::uint32_t> parse_number(std::string_view name, std::string_view text, std::uint32_t low,
                                   std::uint32_t high) {
  std::uint32_t value = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (read.ec != std::errc() || read.ptr != end || value < low || value > high) {
    return fail(Errc::invalid, "{} must be a number from {} to {}, got \"{}\"", described(name), low, high,
                escaped(text, 60));
  }
  return value;
}

// A name or an address; IPv6 without brackets.
bool is_host(std::string_view text) {
  return !text.empty() && text.size() <= 253 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '-' || c == '_' || c == ':';
  });
}

}  // namespace

bool is_option(std::string_view name) {
  return std::any_of(known_options.begin(), known_options.end(),
                     [name](const Option& option) { return option.name == name; });
}

OptionMap options_from_environment() {
  OptionMap out;
  for (const Option& option : known_options) {
    const char* value = option.variable == nullptr ? nullptr : std::getenv(option.variable);
    if (value != nullptr && *value != '\0') out.emplace(option.name, value);
  }
  return out;
}

Result<Settings> Settings::from(const OptionMap& options) {
  Settings out;
  constexpr std::uint32_t most_ms = std::numeric_limits<std::int32_t>::max();
  for (const auto& [name, value] : options) {
    if (name == "api-host") {
      if (!is_host(value)) {
        return fail(Errc::invalid, "{} must be a host name or an address, got \"{}\"", described(name),
                    escaped(value, 60));
      }
      out.host = value;
    } else if (name == "api-port") {
      KACHERY_TRY(const std::uint32_t port, parse_number(name, value, 1, 65535));
      out.port = static_cast<std::uint16_t>(port);
    } else if (name == "storage-dir") {
      KACHERY_TRY(out.storage_dir, absolute_path(value));
    } else if (name == "offline-storage-dir") {
      KACHERY_TRY(out.offline_dir, absolute_path(value));
    } else if (name == "request-timeout-ms") {
      KACHERY_TRY(const std::uint32_t ms, parse_number(name, value, 1, most_ms));
      out.request_timeout = std::chrono::milliseconds(ms);
    } else if (name == "idle-timeout-ms") {
      KACHERY_TRY(const std::uint32_t ms, parse_number(name, value, 1, most_ms));
      out.idle_timeout = std::chrono::milliseconds(ms);
    }
  }
  return out;
}

Result<std::string> absolute_path(const std::string& path) {
  std::error_code error;
  const auto out = std::filesystem::absolute(path, error);
  if (error) {
    return fail(Errc::invalid, "cannot tell where {} is ({}): give an absolute path", escaped(path),
                error.message());
  }
  return out.string();
}

std::string Settings::api_url() const {
  const bool ipv6 = host.find(':') != std::string::npos;
  return fmt::format("http://{}{}{}:{}", ipv6 ? "[" : "", host, ipv6 ? "]" : "", port);
}

std::optional<std::string> default_storage_dir() {
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') return std::nullopt;
  return std::string(home) + "/kachery-storage";
}

}  // namespace kachery::client
