#include "cli/interrupt.h"

#include <atomic>
#include <csignal>

namespace kachery::cli {

namespace {

std::atomic<kachery_client*> cancelled_client{nullptr};
std::atomic<int> received{0};

void on_signal(int signal) {
  received.store(signal);
  if (kachery_client* client = cancelled_client.load()) kachery_cancel(client);
}

void set_handlers(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before {};
    // What the parent chose to ignore (nohup) stays ignored.
    if (::sigaction(signal, nullptr, &before) == 0 && before.sa_handler == SIG_IGN) continue;
    ::sigaction(signal, &action, nullptr);
  }
}

}  // namespace

InterruptGuard::InterruptGuard(kachery_client* client) {
  cancelled_client.store(client);
  set_handlers(on_signal);
}

InterruptGuard::~InterruptGuard() {
  set_handlers(SIG_DFL);
  cancelled_client.store(nullptr);
}

int interrupted_status() {
  const int signal = received.load();
  return 128 + (signal == 0 ? SIGINT : signal);
}

}  // namespace kachery::cli
