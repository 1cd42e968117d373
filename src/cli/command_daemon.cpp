// start-daemon, stop-daemon, node-info and version
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "cli/command.h"
#include "cli/output.h"

namespace kachery::cli {

namespace {

// ---- start-daemon

struct StartOptions {
  std::vector<std::string> arguments;  // as the daemon takes them
};

// Beside this program, else in PATH.
void exec_daemon(std::vector<char*>& argv) {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) {
    const std::string beside = (self.parent_path() / "kachery-p2p-daemon").string();
    ::execv(beside.c_str(), argv.data());
  }
  ::execvp("kachery-p2p-daemon", argv.data());
}

int run_start(const Invocation& invocation, const StartOptions& options) {
  std::vector<std::string> words = {"kachery-p2p-daemon", "start"};
  words.insert(words.end(), options.arguments.begin(), options.arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  exec_daemon(argv);
  complain(invocation.command(),
           fmt::format("cannot run kachery-p2p-daemon, neither beside this command nor in PATH: {}",
                       std::strerror(errno)));
  return 1;
}

// ---- stop-daemon

struct StopOptions {
  double wait_s = 10;
};

int run_stop(const Invocation& invocation, const StopOptions& options) {
  return invocation.with_client([&](kachery_client* client) {
    if (kachery_stop_daemon(client, static_cast<std::uint32_t>(options.wait_s * 1000)) != KACHERY_OK) {
      return invocation.failed(client);
    }
    return invocation.print(options.wait_s > 0 ? "The daemon has ended" : "The daemon was told to end");
  });
}

// ---- node-info

struct InfoOptions {
  bool json = false;
};

int run_info(const Invocation& invocation, const InfoOptions& options) {
  return invocation.with_client([&](kachery_client* client) {
    Text json;
    if (kachery_node_info(client, json.out()) != KACHERY_OK) return invocation.failed(client);
    if (options.json) return invocation.print(json.view());
    const auto at = [&json](const char* pointer) { return printable(json_at(json.view(), pointer)); };
    return invocation.print(fmt::format(
        "Node ID: {}\nDaemon version: {}\nProtocol version: {}\nBootstrap node: {}\nStorage directory: {}",
        at("/nodeId"), at("/daemonVersion"), at("/protocolVersion"),
        at("/isBootstrapNode") == "true" ? "yes" : "no", at("/kacheryStorageDir")));
  });
}

// ---- version

struct VersionOptions {
  bool json = false;
};

int run_version(const Invocation& invocation, const VersionOptions& options) {
  const char* form = options.json ? "{{\"version\":\"{}\",\"protocolVersion\":\"{}\"}}"
                                  : "This is kachery-p2p version {} [protocol version {}].";
  return invocation.print(fmt::format(fmt::runtime(form), kachery_version(), kachery_protocol_version()));
}

}  // namespace

void add_start_daemon(CLI::App& app, Choice& choice) {
  CLI::App* command =
      new_command(app, "start-daemon", "Run the daemon in the foreground (kachery-p2p-daemon start)",
                  "kachery-p2p start-daemon --label my-node");
  auto options = std::make_shared<StartOptions>();
  const auto flag = [command, options](const std::string& name, const std::string& help) {
    command->add_flag_callback(
        name, [options, name] { options->arguments.push_back(name); }, help);
  };
  const auto value = [command, options](const std::string& name, const char* type, const std::string& help) {
    return command
        ->add_option_function<std::string>(
            name,
            [options, name](const std::string& text) {
              options->arguments.push_back(name);
              options->arguments.push_back(text);
            },
            help)
        ->type_name(type);
  };
  value("--label", "NAME", "This node's name, for people")->required();
  flag("--isbootstrap", "Help the nodes of its channels to find each other");
  flag("--noudp", "Do not use UDP");
  flag("--nomulticast", "Do not look for nodes on the local network");
  value("--verbose", "LEVEL", "What to log: 0 problems, 1 events, 2 everything");
  value("--host", "HOST", "The host name or address at which other nodes reach this one");
  value("--public-url", "URL", "The URL at which they do, behind a web server");
  value("--port", "PORT", "The port for other nodes, HTTP (none: this node only asks)");
  value("--udp-port", "PORT", "The UDP port (default: that of --port)");
  value("--websocket-port", "PORT", "The port for WebSocket connections");
  value("--static-config", "PATH|URL", "A file or URL with the channels, instead of the joined ones");
  value("--auth-group", "GROUP", "The group whose members may use the daemon");
  when_chosen(command, choice, options, run_start);
}

void add_stop_daemon(CLI::App& app, Choice& choice) {
  CLI::App* command =
      new_command(app, "stop-daemon", "End the daemon and wait until it is gone", "kachery-p2p stop-daemon");
  auto options = std::make_shared<StopOptions>();
  command->add_option("--wait", options->wait_s, "Seconds to wait for its end (default 10; 0: do not wait)")
      ->check(CLI::Range(0.0, 3600.0))
      ->type_name("SECONDS");
  when_chosen(command, choice, options, run_stop);
}

void add_node_info(CLI::App& app, Choice& choice) {
  CLI::App* command = new_command(app, "node-info", "Print what this node is", "kachery-p2p node-info");
  auto options = std::make_shared<InfoOptions>();
  command->add_flag("--json", options->json, "Print the daemon's answer as JSON");
  when_chosen(command, choice, options, run_info);
}

void add_version(CLI::App& app, Choice& choice) {
  CLI::App* command = new_command(app, "version", "Print the version", "kachery-p2p version");
  auto options = std::make_shared<VersionOptions>();
  command->add_flag("--json", options->json, "Print a JSON object: version, protocolVersion");
  when_chosen(command, choice, options, run_version);
}

}  // namespace kachery::cli
