// The daemon's command line (protocol.md section 14).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kachery::daemon {

struct Options {
  std::string label;
  bool is_bootstrap = false;
  bool no_udp = false;
  bool no_multicast = false;
  unsigned verbose = 0;             // 0: warnings and errors; 1: events; 2 or more: details
  std::optional<std::string> host;  // what other nodes connect to
  std::optional<std::string> public_url;
  std::optional<std::uint16_t> port;  // of the public HTTP interface; nothing: there is none
  std::optional<std::uint16_t> udp_port;
  std::optional<std::uint16_t> websocket_port;
  std::optional<std::string> static_config;  // path or URL
  std::optional<std::string> auth_group;     // a group of the operating system
};

struct CommandLine {
  // Nothing: print `text` (to stdout if exit_code is 0, else to stderr) and exit.
  std::optional<Options> options;
  std::string text;
  int exit_code = 0;
};

// `arguments` without the program's name.
CommandLine parse_command_line(std::vector<std::string> arguments);

// "kachery-p2p-0.9.0"
std::string daemon_version();

}  // namespace kachery::daemon
