// kachery-p2p-daemon
#include <sodium.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/log.h"
#include "daemon/daemon.h"
#include "daemon/environment.h"
#include "daemon/options.h"

namespace {

using namespace kachery;

constexpr int exit_error = 1;
constexpr int exit_usage = 2;

// The journal reads stderr, not just some parent of ours whose variable we inherited.
bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat st {};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &st) != 0) return false;
  return fmt::format("{}:{}", st.st_dev, st.st_ino) == stream;
}

void set_up_log(unsigned verbose) {
  const LogLevel level = verbose == 0 ? LogLevel::warning : verbose == 1 ? LogLevel::info : LogLevel::debug;
  set_log(level, stderr_is_journal() ? LogStyle::journal : LogStyle::plain);
}

void set_up_process() {
  ::umask(022);
  ::signal(SIGPIPE, SIG_IGN);
  // Every connection, stream and mapping takes a descriptor.
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto command_line = daemon::parse_command_line({argv + 1, argv + argc});
  if (!command_line.options) {
    std::fputs(command_line.text.c_str(), command_line.exit_code == 0 ? stdout : stderr);
    return command_line.exit_code;
  }
  set_up_log(command_line.options->verbose);
  const auto environment = daemon::Environment::read(daemon::process_environment);
  if (!environment) {
    log_error("{}", environment.error().message);
    return exit_usage;
  }
  set_up_process();
  if (::sodium_init() < 0) {
    log_error("the cryptographic library cannot be used on this machine");
    return exit_error;
  }
  auto daemon = daemon::Daemon::start(*command_line.options, *environment);
  if (!daemon) {
    log_error("{}", daemon.error().message);
    return exit_error;
  }
  (*daemon)->run();
  return 0;
}
