// The commands: each adds itself to the parser and leaves what to do when it was chosen.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "kachery/kachery.h"

namespace kachery::cli {

// A string of the library, released.
class Text {
 public:
  Text() = default;
  Text(const Text&) = delete;
  Text& operator=(const Text&) = delete;
  ~Text() { kachery_free(text_); }
  char** out() { return &text_; }
  std::string_view view() const { return text_ == nullptr ? std::string_view() : std::string_view(text_); }

 private:
  char* text_ = nullptr;
};

// The value at a JSON pointer; "" if there is none.
std::string json_at(std::string_view json, const std::string& pointer);

// The command at work.
class Invocation {
 public:
  explicit Invocation(std::string command) : command_(std::move(command)) {}

  const std::string& command() const { return command_; }

  // Runs `body` with a client made from the environment, which Ctrl-C cancels.
  int with_client(const std::function<int(kachery_client*)>& body) const;
  // Says why the client's last call failed; the exit status for it.
  int failed(const kachery_client* client) const;
  // Writes a line to stdout; the exit status.
  int print(std::string_view line) const;

 private:
  std::string command_;
};

// What was chosen on the command line.
struct Choice {
  std::function<int(const Invocation&)> run;
};

void add_store(CLI::App& app, Choice& choice);
void add_link(CLI::App& app, Choice& choice);
void add_load(CLI::App& app, Choice& choice);
void add_cat(CLI::App& app, Choice& choice);
void add_find(CLI::App& app, Choice& choice);
void add_join_channel(CLI::App& app, Choice& choice);
void add_leave_channel(CLI::App& app, Choice& choice);
void add_get_channels(CLI::App& app, Choice& choice);
void add_node_info(CLI::App& app, Choice& choice);
void add_start_daemon(CLI::App& app, Choice& choice);
void add_stop_daemon(CLI::App& app, Choice& choice);
void add_version(CLI::App& app, Choice& choice);

// A subcommand with its example and the exit statuses in its help.
CLI::App* new_command(CLI::App& app, const std::string& name, const std::string& what,
                      const std::string& example);

// Makes `run` what happens when `command` is chosen. `Options` holds what its options set.
template <class Options>
void when_chosen(CLI::App* command, Choice& choice, std::shared_ptr<Options> options,
                 int (*run)(const Invocation&, const Options&)) {
  command->callback([&choice, options, run] {
    choice.run = [options, run](const Invocation& invocation) { return run(invocation, *options); };
  });
}

}  // namespace kachery::cli
