// What the daemon takes from its environment (protocol.md section 14).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/error.h"

namespace kachery::daemon {

struct Environment {
  std::string storage_dir;              // absolute
  bool storage_dir_is_default = false;  // not set: may be created
  std::string config_dir;               // absolute
  std::string api_host = "127.0.0.1";   // a name or an address
  std::uint16_t api_port = 20431;
  double speedup = 1.0;  // divides periods and time-outs

  // The value of a variable; nothing if it is not set. An empty value counts as not set.
  using Lookup = std::function<std::optional<std::string>(const char* name)>;
  static Result<Environment> read(const Lookup& lookup);
};

// From the process's own environment; HOME falls back on the user's entry in the password database.
std::optional<std::string> process_environment(const char* name);

// A numeric address to listen on for `host`: itself, or what it resolves to (waits for DNS), IPv4 first;
// 127.0.0.1 for "localhost".
Result<std::string> listen_address(const std::string& host);

}  // namespace kachery::daemon
