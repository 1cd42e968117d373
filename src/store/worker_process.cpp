#include "store/worker_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <utility>

#include "base/log.h"
#include "store/worker_channel.h"

namespace kachery {
namespace {

constexpr auto progress_interval = std::chrono::milliseconds(100);
constexpr int socket_fd = 3;

void close_others() {
  constexpr unsigned first = socket_fd + 1;
  if (::close_range(first, ~0U, 0) == 0) return;
  const long most = ::sysconf(_SC_OPEN_MAX);  // a kernel before 5.9
  for (int fd = first; fd < most; ++fd) ::close(fd);
}

void set_up_descriptors(int socket) {
  if (socket != socket_fd) ::dup2(socket, socket_fd);
  ::fcntl(socket_fd, F_SETFD, FD_CLOEXEC);
  close_others();
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ::dup2(null, STDIN_FILENO);
  ::dup2(null, STDOUT_FILENO);
  if (null > STDERR_FILENO) ::close(null);
}

// The loop's process ends the worker by closing the socket, after its own drain; a terminal's or a service
// manager's signals to the group must not come first.
void set_up_signals() {
  struct sigaction action {};
  for (int number = 1; number < NSIG; ++number) {
    const bool ignored = number == SIGINT || number == SIGTERM || number == SIGHUP || number == SIGQUIT ||
                         number == SIGPIPE || number == SIGXFSZ;
    action.sa_handler = ignored ? SIG_IGN : SIG_DFL;
    ::sigaction(number, &action, nullptr);  // fails for SIGKILL and SIGSTOP, and does not matter
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

class WorkerProcess {
 public:
  explicit WorkerProcess(const WorkerJobTable& table) : table_(table) {}

  // Until the other end is closed.
  void run() {
    while (true) {
      if (!receive()) return;
      auto& queue = next_queue();
      if (queue.empty()) continue;
      Running running = std::move(queue.front());
      queue.pop_front();
      if (auto result = running.job->step()) {
        running.job.reset();
        answer(running.id, *result);
      } else {
        report(running);
        begun_.push_back(std::move(running));
      }
    }
  }

 private:
  using Clock = std::chrono::steady_clock;
  struct Running {
    std::uint64_t id = 0;
    std::unique_ptr<WorkerJob> job;
    std::uint64_t reported = 0;
    Clock::time_point reported_at{};
  };

  // New jobs and those that have begun get their slices alternately: a short one is not held up by many long
  // ones, nor a long one by many short ones.
  std::deque<Running>& next_queue() {
    fresh_turn_ = !fresh_turn_;
    if (begun_.empty() || (fresh_turn_ && !fresh_.empty())) return fresh_;
    return begun_;
  }

  // Takes in what has come; waits if there is nothing else to do. False at the end.
  bool receive() {
    while (true) {
      Packet packet;
      const bool idle = fresh_.empty() && begun_.empty();
      const int result = receive_packet(socket_fd, idle, packet);
      if (result == -EAGAIN) return true;
      if (result == -EMFILE) {
        answer(packet.id, fail(Errc::io, "the store worker has too many files open; try again"));
      } else if (result <= 0) {
        return false;
      } else if (packet.type == PacketType::cancel) {
        cancel(packet.id);
      } else {
        begin(std::move(packet));
      }
    }
  }

  void cancel(std::uint64_t id) {
    const auto is_it = [id](const Running& running) { return running.id == id; };
    std::erase_if(fresh_, is_it);
    std::erase_if(begun_, is_it);
  }

  void begin(Packet packet) {
    auto job = make(packet);
    if (job) {
      fresh_.push_back({packet.id, *std::move(job), 0, {}});
    } else {
      answer(packet.id, fail(job.error()));
    }
  }

  Result<std::unique_ptr<WorkerJob>> make(Packet& packet) {
    const std::size_t end = packet.payload.find('\0');
    if (end == std::string::npos) return fail(Errc::internal, "a job without a kind");
    const std::string_view kind = std::string_view(packet.payload).substr(0, end);
    const auto found = table_.find(kind);
    if (found == table_.end()) return fail(Errc::internal, "the store worker knows no job \"{}\"", kind);
    KACHERY_TRY(const Json arguments, Json::parse(std::string_view(packet.payload).substr(end + 1)));
    return found->second(arguments, std::move(packet.fds));
  }

  void report(Running& running) {
    const ProgressPayload progress{running.job->done_bytes(), running.job->total_bytes()};
    const Clock::time_point now = Clock::now();
    if (progress.done == running.reported || now - running.reported_at < progress_interval) return;
    running.reported = progress.done;
    running.reported_at = now;
    std::string payload(sizeof progress, '\0');
    std::memcpy(payload.data(), &progress, sizeof progress);
    send(PacketType::progress, running.id, payload);
  }

  void answer(std::uint64_t id, const Result<Json>& result) {
    if (result) {
      const std::string text = result->text();
      if (text.size() <= packet_payload_bytes) return send(PacketType::success, id, text);
      return answer(id, fail(Errc::too_large, "a result of {} bytes", text.size()));
    }
    const auto code = static_cast<std::uint32_t>(result.error().code);
    std::string payload(sizeof code, '\0');
    std::memcpy(payload.data(), &code, sizeof code);
    payload += result.error().message;
    send(PacketType::failure, id, payload);
  }

  void send(PacketType type, std::uint64_t id, std::string_view payload) {
    const int result = send_packet(socket_fd, type, id, payload, {});
    // A loop that is gone shows as the end of what is received.
    if (result < 0 && result != -EPIPE && result != -ECONNRESET) {
      log_error("the store worker cannot answer: {}", std::strerror(-result));
      ::_exit(1);  // a new worker does the job again, or fails it
    }
  }

  const WorkerJobTable& table_;
  std::deque<Running> fresh_;
  std::deque<Running> begun_;
  bool fresh_turn_ = false;
};

}  // namespace

void run_worker_process(int socket, const WorkerJobTable& table) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_NAME, "kachery-worker");
  set_up_signals();
  set_up_descriptors(socket);
  {
    WorkerProcess process(table);
    process.run();
  }
  // No destructors of what was inherited.
  ::_exit(0);
}

}  // namespace kachery
