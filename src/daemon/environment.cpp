#include "daemon/environment.h"

#include <netdb.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "base/log.h"

namespace kachery::daemon {

namespace {

Result<std::string> absolute_path(std::string_view variable, const std::string& path) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  if (error) return fail(Errc::io, "{}: cannot make {} absolute: {}", variable, path, error.message());
  std::string out = absolute.lexically_normal().string();
  while (out.size() > 1 && out.back() == '/') out.pop_back();
  return out;
}

Result<std::string> directory(const Environment::Lookup& lookup, const char* variable,
                              std::string_view below_home) {
  const auto given = lookup(variable);
  if (given && !given->empty()) return absolute_path(variable, *given);
  const auto home = lookup("HOME");
  if (!home || home->empty()) {
    return fail(Errc::invalid, "neither {} nor HOME is set: set {} to a directory", variable, variable);
  }
  return absolute_path("HOME", *home + "/" + std::string(below_home));
}

Result<std::uint16_t> port(const std::string& text) {
  std::uint32_t value = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (read.ec != std::errc() || read.ptr != end || value < 1 || value > 65535) {
    return fail(Errc::invalid, "KACHERY_P2P_API_PORT must be a port from 1 to 65535, got \"{}\"",
                escaped(text, 60));
  }
  return static_cast<std::uint16_t>(value);
}

Result<double> speedup_factor(const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (read.ec != std::errc() || read.ptr != end || !std::isfinite(value) || value <= 0 || value > 1e6) {
    return fail(Errc::invalid,
                "KACHERY_P2P_SPEEDUP_FACTOR must be a number above 0, at most 1000000, got \"{}\"",
                escaped(text, 60));
  }
  return value;
}

}  // namespace

Result<Environment> Environment::read(const Lookup& lookup) {
  Environment out;
  KACHERY_TRY(out.storage_dir, directory(lookup, "KACHERY_STORAGE_DIR", "kachery-storage"));
  KACHERY_TRY(out.config_dir, directory(lookup, "KACHERY_P2P_CONFIG_DIR", ".kachery-p2p"));
  out.storage_dir_is_default = lookup("KACHERY_STORAGE_DIR").value_or("").empty();
  if (const auto host = lookup("KACHERY_P2P_API_HOST"); host && !host->empty()) out.api_host = *host;
  if (const auto text = lookup("KACHERY_P2P_API_PORT"); text && !text->empty()) {
    KACHERY_TRY(out.api_port, port(*text));
  }
  if (const auto text = lookup("KACHERY_P2P_SPEEDUP_FACTOR"); text && !text->empty()) {
    KACHERY_TRY(out.speedup, speedup_factor(*text));
  }
  return out;
}

std::optional<std::string> process_environment(const char* name) {
  if (const char* value = std::getenv(name); value != nullptr && *value != '\0') return value;
  if (std::string_view(name) != "HOME") return std::nullopt;
  const struct passwd* user = ::getpwuid(::getuid());
  if (user == nullptr || user->pw_dir == nullptr) return std::nullopt;
  return user->pw_dir;
}

Result<std::string> listen_address(const std::string& host) {
  if (host == "localhost") return "127.0.0.1";
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &found); error != 0) {
    return fail(Errc::invalid, "KACHERY_P2P_API_HOST: \"{}\" is no address of this machine: {}",
                escaped(host, 60), ::gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  const addrinfo* best = found;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    if (each->ai_family == AF_INET) {
      best = each;
      break;
    }
  }
  char text[NI_MAXHOST];
  if (best == nullptr ||
      ::getnameinfo(best->ai_addr, best->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0) {
    return fail(Errc::invalid, "KACHERY_P2P_API_HOST: \"{}\" has no address", escaped(host, 60));
  }
  return text;
}

}  // namespace kachery::daemon
