#include "store/worker.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "store/worker_channel.h"
#include "store/worker_process.h"

namespace kachery {
namespace {

// Jobs that the worker has at once; the others wait here, where they cost no descriptors in its process.
constexpr std::size_t sent_at_once = 100;
// Packets taken in one go, so that other events get their turn.
constexpr int packets_at_once = 64;
constexpr int attempts_per_job = 2;
// Workers that die one after the other without a single result; then only a new job starts another.
constexpr int barren_workers = 5;
constexpr int ending_ms = 3000;

Error failure_of(const Packet& packet) {
  std::uint32_t code = static_cast<std::uint32_t>(Errc::internal);
  if (packet.payload.size() < sizeof code) return Error{Errc::internal, "a failure without a code"};
  std::memcpy(&code, packet.payload.data(), sizeof code);
  return Error{static_cast<Errc>(code), packet.payload.substr(sizeof code)};
}

}  // namespace

struct Worker::Impl : std::enable_shared_from_this<Worker::Impl> {
  enum class State { queued, sent, failed };
  struct Job {
    std::string payload;  // kind, NUL, arguments
    std::vector<UniqueFd> fds;
    bool idempotent = false;
    Callbacks callbacks;
    State state = State::queued;
    int attempts = 0;
    Error error;  // of a failed one, until its done() is called
  };
  class Ticket;

  explicit Impl(WorkerJobTable jobs_of_worker) : table(std::move(jobs_of_worker)) {}

  Status spawn();
  void end();  // waits for the worker
  void died();
  void pump();
  void flush_failures();
  void receive();
  void handle(Packet packet);
  void finish(std::uint64_t id, Result<Json> result);
  void fail_job(std::uint64_t id, Error error);
  void cancel(std::uint64_t id);
  bool wants_write() const {
    return !failures.empty() || !cancels.empty() || (!queue.empty() && sent < sent_at_once);
  }
  void tell_interest() {
    const bool now = wants_write();
    if (now == told_wants_write && socket.get() == told_fd) return;
    told_wants_write = now;
    told_fd = socket.get();
    if (owner != nullptr && owner->interest_changed) owner->interest_changed();
  }

  const WorkerJobTable table;
  Worker* owner = nullptr;  // null once it is destroyed
  UniqueFd socket;          // always open, so that the reactor has something to watch
  UniqueFd idle_peer;       // its other end while there is no worker
  pid_t pid = -1;           // -1: none
  std::map<std::uint64_t, Job> jobs;
  std::deque<std::uint64_t> queue;     // to be sent
  std::deque<std::uint64_t> cancels;   // to be sent
  std::deque<std::uint64_t> failures;  // to be told
  std::size_t sent = 0;
  std::uint64_t next_id = 1;
  int barren = 0;
  bool told_wants_write = false;
  int told_fd = -1;
};

class Worker::Impl::Ticket final : public WorkerTicket {
 public:
  Ticket(std::weak_ptr<Impl> impl, std::uint64_t id) : impl_(std::move(impl)), id_(id) {}
  ~Ticket() override {
    if (const auto impl = impl_.lock()) impl->cancel(id_);
  }

 private:
  std::weak_ptr<Impl> impl_;
  std::uint64_t id_;
};

Status Worker::Impl::spawn() {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
    return fail(system_error(errno, "cannot make the store worker's socket"));
  }
  UniqueFd ours(pair[0]);
  UniqueFd theirs(pair[1]);
  ::fcntl(ours.get(), F_SETFL, O_NONBLOCK);
  const pid_t child = ::fork();
  if (child == 0) run_worker_process(theirs.get(), table);
  const int error = errno;
  socket = std::move(ours);
  if (child < 0) {
    idle_peer = std::move(theirs);
    return fail(system_error(error, "cannot start the store worker"));
  }
  idle_peer.reset();
  pid = child;
  log_debug("started store worker {}", pid);
  return {};
}

void Worker::Impl::end() {
  if (pid < 0) return;
  socket.reset();
  // It ends after its present slice, unless it hangs.
  // (glibc 2.36 does not declare pidfd_open() for C++.)
  const UniqueFd handle(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  pollfd ended{handle.get(), POLLIN, 0};
  if (!handle || ::poll(&ended, 1, ending_ms) != 1) ::kill(pid, SIGKILL);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid = -1;
}

void Worker::Impl::died() {
  log_error("store worker {} died, with {} jobs", pid, sent);
  ::kill(pid, SIGKILL);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid = -1;
  cancels.clear();
  sent = 0;
  ++barren;
  std::deque<std::uint64_t> again;
  for (auto& [id, job] : jobs) {
    if (job.state != State::sent) continue;
    if (job.idempotent && job.attempts < attempts_per_job) {
      job.state = State::queued;
      again.push_back(id);
    } else {
      fail_job(id, Error{Errc::io, "the store worker died while it did this; try again"});
    }
  }
  queue.insert(queue.begin(), again.begin(), again.end());
  Status spawned = fail(Errc::io, "the store worker dies again and again");
  if (barren < barren_workers) spawned = spawn();
  if (!spawned) {
    log_error("{}", spawned.error().message);
    for (const std::uint64_t id : std::exchange(queue, {})) fail_job(id, spawned.error());
    if (!idle_peer) {
      int pair[2];
      if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0) {
        socket.reset(pair[0]);
        idle_peer.reset(pair[1]);
      }
    }
  }
}

void Worker::Impl::fail_job(std::uint64_t id, Error error) {
  Job& job = jobs.at(id);
  job.state = State::failed;
  job.error = std::move(error);
  failures.push_back(id);
}

void Worker::Impl::cancel(std::uint64_t id) {
  const auto found = jobs.find(id);
  if (found == jobs.end()) return;
  if (found->second.state == State::sent) {
    --sent;
    cancels.push_back(id);
  }
  std::erase(queue, id);
  // Callbacks may own what they like: they go when everything here is in order again.
  const auto node = jobs.extract(found);
  pump();
  tell_interest();
}

void Worker::Impl::pump() {
  if (pid < 0) return;
  while (!cancels.empty()) {
    if (send_packet(socket.get(), PacketType::cancel, cancels.front(), {}, {}) < 0) return;
    cancels.pop_front();
  }
  while (!queue.empty() && sent < sent_at_once) {
    const std::uint64_t id = queue.front();
    Job& job = jobs.at(id);
    std::vector<int> fds;
    for (const UniqueFd& fd : job.fds) fds.push_back(fd.get());
    const int result = send_packet(socket.get(), PacketType::submit, id, job.payload, fds);
    // A worker that is gone shows in receive().
    if (result == -EAGAIN || result == -EPIPE || result == -ECONNRESET) return;
    queue.pop_front();
    if (result < 0) {
      fail_job(id, system_error(-result, "cannot hand a job to the store worker"));
      continue;
    }
    job.state = State::sent;
    ++job.attempts;
    ++sent;
    if (!job.idempotent) {
      job.payload = {};
      job.fds.clear();
    }
  }
}

void Worker::Impl::finish(std::uint64_t id, Result<Json> result) {
  auto node = jobs.extract(id);
  if (node.empty()) return;  // cancelled meanwhile
  if (node.mapped().state == State::sent) --sent;
  node.mapped().callbacks.done(std::move(result));
}

void Worker::Impl::flush_failures() {
  for (const std::uint64_t id : std::exchange(failures, {})) {
    const auto found = jobs.find(id);
    if (owner == nullptr) return;
    if (found != jobs.end()) finish(id, fail(std::move(found->second.error)));
  }
}

void Worker::Impl::handle(Packet packet) {
  const auto found = jobs.find(packet.id);
  if (packet.type != PacketType::progress) barren = 0;
  if (found == jobs.end()) return;  // cancelled meanwhile
  switch (packet.type) {
    case PacketType::progress: {
      ProgressPayload progress;
      if (packet.payload.size() != sizeof progress) return;
      std::memcpy(&progress, packet.payload.data(), sizeof progress);
      // The callback may cancel the job, and so destroy itself.
      const auto callback = found->second.callbacks.progress;
      if (callback) callback(progress.done, progress.total);
      return;
    }
    case PacketType::success:
      finish(packet.id, Json::parse(packet.payload));
      return;
    case PacketType::failure:
      finish(packet.id, fail(failure_of(packet)));
      return;
    default:
      return;
  }
}

void Worker::Impl::receive() {
  for (int i = 0; i < packets_at_once && owner != nullptr && pid >= 0; ++i) {
    Packet packet;
    const int result = receive_packet(socket.get(), false, packet);
    if (result == -EAGAIN) return;
    if (result == -EMFILE) {
      finish(packet.id,
             fail(Errc::io, "too many files are open to take the store worker's answer; try again"));
      continue;
    }
    if (result <= 0) return died();
    handle(std::move(packet));
  }
}

Worker::Worker(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {
  impl_->owner = this;
}

Worker::~Worker() {
  impl_->owner = nullptr;
  impl_->end();
}

Result<std::unique_ptr<Worker>> Worker::start(WorkerJobTable jobs) {
  auto impl = std::make_shared<Impl>(std::move(jobs));
  KACHERY_CHECK(impl->spawn());
  impl->told_fd = impl->socket.get();
  return std::unique_ptr<Worker>(new Worker(std::move(impl)));
}

WorkerTicketPtr Worker::submit(std::string_view kind, const Json& arguments, std::vector<int> borrowed_fds,
                               bool idempotent, Callbacks callbacks) {
  Impl& me = *impl_;
  const std::uint64_t id = me.next_id++;
  const bool busy = me.jobs.size() >= limits::worker_jobs;
  Impl::Job& job = me.jobs[id];
  job.idempotent = idempotent;
  job.callbacks = std::move(callbacks);
  auto ticket = std::make_unique<Impl::Ticket>(me.weak_from_this(), id);
  std::optional<Error> error;
  if (busy) {
    error = Error{Errc::busy,
                  fmt::format("{} jobs wait for the disk already; try again later", limits::worker_jobs)};
  } else {
    job.payload.append(kind).append(1, '\0').append(arguments.text());
    for (const int fd : borrowed_fds) {
      job.fds.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
      if (!job.fds.back()) error = system_error(errno, "cannot hand a file to the store worker");
    }
    if (!error && me.pid < 0) {
      if (auto spawned = me.spawn(); !spawned) error = std::move(spawned).error();
    }
  }
  if (error) {
    job.payload = {};
    job.fds.clear();
    me.fail_job(id, *std::move(error));
  } else {
    me.queue.push_back(id);
    me.pump();
  }
  me.tell_interest();
  return ticket;
}

int Worker::fd() const {
  return impl_->socket.get();
}

bool Worker::wants_write() const {
  return impl_->wants_write();
}

void Worker::on_readable() {
  const auto self = impl_;  // callbacks may destroy this
  self->flush_failures();
  self->receive();
  if (self->owner == nullptr) return;
  self->pump();
  self->tell_interest();
}

void Worker::on_writable() {
  const auto self = impl_;
  self->flush_failures();
  if (self->owner == nullptr) return;
  self->pump();
  self->tell_interest();
}

std::size_t Worker::pending() const {
  return impl_->jobs.size();
}

int Worker::pid() const {
  return impl_->pid;
}

}  // namespace kachery
