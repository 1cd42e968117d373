#include "cli/command.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "cli/interrupt.h"
#include "cli/output.h"

namespace kachery::cli {

std::string json_at(std::string_view json, const std::string& pointer) {
  Text value;
  kachery_json_get(std::string(json).c_str(), pointer.c_str(), value.out());
  return std::string(value.view());
}

int Invocation::with_client(const std::function<int(kachery_client*)>& body) const {
  kachery_client* client = nullptr;
  const kachery_status status = kachery_client_new(nullptr, &client);
  const std::unique_ptr<kachery_client, decltype(&kachery_client_free)> owner(client, &kachery_client_free);
  if (status != KACHERY_OK) return failed(client);
  const InterruptGuard guard(client);
  return body(client);
}

int Invocation::failed(const kachery_client* client) const {
  const kachery_status status = kachery_error_status(client);
  complain(command_, kachery_error_message(client));
  return status == KACHERY_ERROR_CANCELLED ? interrupted_status() : exit_status(status);
}

int Invocation::print(std::string_view line) const {
  if (write_stdout(std::string(line) + "\n")) return 0;
  complain(command_, fmt::format("cannot write the result: {}", std::strerror(errno)));
  return 1;
}

CLI::App* new_command(CLI::App& app, const std::string& name, const std::string& what,
                      const std::string& example) {
  CLI::App* command = app.add_subcommand(name, what);
  command->footer(
      fmt::format("Example:\n  {}\n\n"
                  "Exit status: 0 done, 1 error, 2 wrong usage, 3 not found, 4 daemon not reachable,\n"
                  "5 not authorized, 6 timed out, 130 interrupted.",
                  example));
  return command;
}

}  // namespace kachery::cli
