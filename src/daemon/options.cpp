#include "daemon/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/log.h"
#include "wire/address.h"

namespace kachery::daemon {

namespace {

constexpr int usage_error = 2;

// A port, or nothing for 0 or an empty text: the Python client passes 0 for a port that was not asked for.
Result<std::optional<std::uint16_t>> parse_port(std::string_view option, std::string_view text) {
  std::uint32_t value = 0;
  const char* end = text.data() + text.size();
  if (text.empty()) return std::nullopt;
  const auto read = std::from_chars(text.data(), end, value);
  if (read.ec != std::errc() || read.ptr != end || value > 65535) {
    return fail(Errc::invalid, "{} must be a port from 1 to 65535, or 0 for none, got \"{}\"", option,
                escaped(text, 60));
  }
  if (value == 0) return std::nullopt;
  return static_cast<std::uint16_t>(value);
}

std::optional<std::string> if_given(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

// What CLI11 fills in, not yet checked.
struct Texts {
  std::string label, host, public_url, port, udp_port, websocket_port, static_config, auth_group;
};

void add_options(CLI::App& app, Options& options, Texts& texts) {
  app.add_option("--label", texts.label, "Name of this node, shown to others (required)")->type_name("NAME");
  app.add_option("--port,--http-port", texts.port, "Port of the HTTP interface for other nodes")
      ->type_name("PORT");
  app.add_option("--host", texts.host, "Host name or address at which other nodes reach this one")
      ->type_name("HOST");
  app.add_option("--public-url", texts.public_url, "URL at which other nodes reach the HTTP interface")
      ->type_name("URL");
  app.add_flag("--isbootstrap", options.is_bootstrap, "Be a bootstrap node");
  app.add_option("--static-config", texts.static_config,
                 "Path or URL of a file with joined channels and mirror sources, instead of the stored ones")
      ->type_name("PATH|URL");
  app.add_option("--auth-group", texts.auth_group, "Group whose members may use this daemon")
      ->type_name("GROUP");
  app.add_option("--verbose", options.verbose, "0: warnings and errors, 1: events, 2: details")
      ->type_name("LEVEL");
  app.add_option("--udp-port", texts.udp_port, "UDP port")->type_name("PORT");
  app.add_option("--websocket-port", texts.websocket_port, "WebSocket port")->type_name("PORT");
  app.add_flag("--noudp", options.no_udp, "Do without UDP");
  app.add_flag("--nomulticast", options.no_multicast, "Do without UDP multicast");
}

Status check(const Texts& texts, Options& options) {
  if (texts.label.empty()) {
    return fail(Errc::invalid, "--label is missing: give this node a name, as in --label my-node");
  }
  if (!is_node_label(texts.label)) {
    return fail(Errc::invalid,
                "--label must be at most 20 letters, digits, @ and inner hyphens, in parts joined by dots, "
                "got \"{}\"",
                escaped(texts.label, 60));
  }
  if (!texts.host.empty() && !is_host_name(texts.host)) {
    return fail(Errc::invalid, "--host must be a host name or an IPv4 address, got \"{}\"",
                escaped(texts.host, 60));
  }
  if (!texts.public_url.empty() && !is_url(texts.public_url)) {
    return fail(Errc::invalid,
                "--public-url must begin with http:// or https:// and have at most 500 characters, got "
                "\"{}\"",
                escaped(texts.public_url, 60));
  }
  if (options.no_udp && !texts.udp_port.empty() && texts.udp_port != "0") {
    return fail(Errc::invalid, "--udp-port and --noudp exclude each other: give one of them");
  }
  KACHERY_TRY(options.port, parse_port("--port", texts.port));
  KACHERY_TRY(options.udp_port, parse_port("--udp-port", texts.udp_port));
  KACHERY_TRY(options.websocket_port, parse_port("--websocket-port", texts.websocket_port));
  options.label = texts.label;
  options.host = if_given(texts.host);
  options.public_url = if_given(texts.public_url);
  options.static_config = if_given(texts.static_config);
  options.auth_group = if_given(texts.auth_group);
  return {};
}

CommandLine refusal(std::string_view reason) {
  return {std::nullopt, fmt::format("kachery-p2p-daemon: {}\nTry kachery-p2p-daemon --help.\n", reason),
          usage_error};
}

}  // namespace

CommandLine parse_command_line(std::vector<std::string> arguments) {
  // The one command there is, and the default.
  if (!arguments.empty() && arguments.front() == "start") arguments.erase(arguments.begin());

  Options options;
  Texts texts;
  CLI::App app("Runs a kachery-p2p node in the foreground.", "kachery-p2p-daemon [start]");
  app.footer(
      "Environment: KACHERY_STORAGE_DIR (default ~/kachery-storage), KACHERY_P2P_API_PORT (20431),\n"
      "KACHERY_P2P_API_HOST (127.0.0.1), KACHERY_P2P_CONFIG_DIR (~/.kachery-p2p).\n"
      "Signals: TERM and INT end the daemon, HUP makes it read its configuration again.\n"
      "Exit codes: 0 ended as asked, 1 error, 2 wrong usage.");
  app.set_version_flag("--version", daemon_version());
  add_options(app, options, texts);
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    return {std::nullopt, app.help(), 0};
  } catch (const CLI::CallForVersion& version) {
    return {std::nullopt, std::string(version.what()) + "\n", 0};
  } catch (const CLI::ParseError& error) {
    return refusal(escaped(error.what(), 1000));
  }
  if (const Status status = check(texts, options); !status) return refusal(status.error().message);
  return {options, {}, 0};
}

std::string daemon_version() {
  return "kachery-p2p-" KACHERY_VERSION;
}

}  // namespace kachery::daemon
