// kachery-p2p COMMAND, and kachery-p2p-COMMAND by links to the same program.
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "cli/output.h"

namespace kachery::cli {
namespace {

constexpr std::string_view link_prefix = "kachery-p2p-";

// The command that the program's name names, or "".
std::string command_of_name(std::string_view program) {
  const std::size_t slash = program.rfind('/');
  if (slash != std::string_view::npos) program.remove_prefix(slash + 1);
  return program.starts_with(link_prefix) ? std::string(program.substr(link_prefix.size())) : std::string();
}

std::string chosen_command(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? std::string() : chosen.front()->get_name();
}

// One line. CLI11 says of an unknown command only that one is missing.
std::string usage_problem(const CLI::App& app, const CLI::ParseError& error,
                          const std::vector<std::string>& arguments) {
  if (app.get_subcommands().empty()) {
    if (arguments.empty()) return "a command is required (see --help)";
    if (!arguments.front().starts_with("-")) {
      return "there is no command \"" + arguments.front() + "\" (see --help)";
    }
  }
  const std::string text = error.what();
  return text.substr(0, text.find('\n')) + " (see --help)";
}

int run(int argc, char** argv) {
  CLI::App app("Store files by their content's hash, and load them from other nodes of your channels.",
               "kachery-p2p");
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.set_version_flag("--version", kachery_version());
  app.require_subcommand(1);
  app.footer(
      "Environment: KACHERY_STORAGE_DIR, KACHERY_P2P_API_HOST, KACHERY_P2P_API_PORT,\n"
      "KACHERY_OFFLINE_STORAGE_DIR (store, link, load and cat in that directory, without a daemon).\n"
      "`kachery-p2p COMMAND --help` tells more.");
  Choice choice;
  for (const auto add :
       {add_store, add_link, add_load, add_cat, add_find, add_join_channel, add_leave_channel,
        add_get_channels, add_node_info, add_start_daemon, add_stop_daemon, add_version}) {
    add(app, choice);
  }

  std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  const std::string named = argc > 0 ? command_of_name(argv[0]) : std::string();
  if (!named.empty()) arguments.insert(arguments.begin(), named);
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // as CLI11 takes them
  try {
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    complain(chosen_command(app), usage_problem(app, error, arguments));
    return KACHERY_ERROR_INVALID;
  }
  return choice.run(Invocation(chosen_command(app)));
}

}  // namespace
}  // namespace kachery::cli

int main(int argc, char** argv) {
  try {
    return kachery::cli::run(argc, argv);
  } catch (const std::exception& error) {
    kachery::cli::complain("", error.what());
    return 1;
  }
}
