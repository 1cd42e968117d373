#include "reactor/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "base/log.h"

namespace kachery {

namespace {

constexpr int backlog = 4096;          // the kernel caps it at net.core.somaxconn
constexpr int accepts_per_event = 64;  // then others get their turn
constexpr milliseconds rest{1'000};    // after running out of descriptors or memory

UniqueFd open_reserve() {
  return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

std::string numeric_address(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
  } else if (address.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address, sizeof v6);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
      ::inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text, sizeof text);
    } else {
      ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    }
  }
  return text;
}

struct AddrInfoFree {
  void operator()(addrinfo* a) const { ::freeaddrinfo(a); }
};
using AddrInfoPtr = std::unique_ptr<addrinfo, AddrInfoFree>;

Result<UniqueFd> bound_socket(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) {
    return fail(Errc::invalid, "can't listen on \"{}\": expected a numeric address, such as 0.0.0.0",
                escaped(host, 80));
  }
  const AddrInfoPtr address(found);

  const auto failure = [&](int error) {
    const std::string what = fmt::format("can't listen on {} port {}", host, port);
    if (error == EADDRINUSE) {
      return fail(Errc::busy, "{}: another program uses it; stop that one, or choose another port", what);
    }
    return fail(system_error(error, what));
  };
  UniqueFd fd(::socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return failure(errno);
  const int on = 1;
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) return failure(errno);
  // Accepted connections inherit it (Linux).
  if (::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) return failure(errno);
  if (::bind(fd.get(), address->ai_addr, address->ai_addrlen) != 0) return failure(errno);
  if (::listen(fd.get(), backlog) != 0) return failure(errno);
  return fd;
}

}  // namespace

struct Listener::Impl : std::enable_shared_from_this<Listener::Impl> {
  Impl(Loop& the_loop, UniqueFd socket, OnAccept then)
      : loop(the_loop),
        fd(std::move(socket)),
        on_accept(std::move(then)),
        reserve(open_reserve()),
        watch(
            std::in_place, loop, fd.get(), [this] { readable(); }, nullptr) {
    update();
  }

  void update() {
    if (watch) watch->want_read(!paused && !resting);
  }

  void readable() {
    const std::shared_ptr<Impl> self = shared_from_this();  // the callback may destroy the listener
    for (int i = 0; i < accepts_per_event && watch && !paused; ++i) {
      sockaddr_storage address{};
      socklen_t length = sizeof address;
      UniqueFd connection(
          ::accept4(fd.get(), reinterpret_cast<sockaddr*>(&address), &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (connection) {
        on_accept(std::move(connection), numeric_address(address));
      } else if (!go_on_after(errno)) {
        return;
      }
    }
  }

  // Whether to try accept() again after it failed with `error`.
  bool go_on_after(int error) {
    switch (error) {
      case EAGAIN:
        return false;
      case EMFILE:
      case ENFILE:
        log_warning("out of file descriptors: a connection was dropped; raise the limit (ulimit -n)");
        drop_one();
        take_rest();
        return false;
      case ENOBUFS:
      case ENOMEM:
        log_warning("out of memory for connections: not accepting any for a second");
        take_rest();
        return false;
      case EBADF:
      case EFAULT:
      case EINVAL:
      case ENOTSOCK:
      case EOPNOTSUPP:
        log_error("{}", system_error(error, "accept failed").message);
        take_rest();
        return false;
      default:
        // The connection that would have been accepted has failed already (accept(2), "Error handling").
        return true;
    }
  }

  void drop_one() {
    reserve.reset();
    UniqueFd(::accept4(fd.get(), nullptr, nullptr, SOCK_CLOEXEC)).reset();
    reserve = open_reserve();
  }

  void take_rest() {
    resting = loop.after(rest, [this] {
      resting.reset();
      if (!reserve) reserve = open_reserve();
      update();
    });
    update();
  }

  Loop& loop;
  UniqueFd fd;
  OnAccept on_accept;
  UniqueFd reserve;
  bool paused = false;
  Scheduler::TimerPtr resting;
  std::optional<IoWatch> watch;  // after fd: it goes first; none once the listener is destroyed
};

Result<std::unique_ptr<Listener>> Listener::open(Loop& loop, const std::string& host, std::uint16_t port,
                                                 OnAccept on_accept) {
  KACHERY_TRY(UniqueFd fd, bound_socket(host, port));
  return std::unique_ptr<Listener>(
      new Listener(std::make_shared<Impl>(loop, std::move(fd), std::move(on_accept))));
}

Listener::Listener(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Listener::~Listener() {
  impl_->watch.reset();
  impl_->resting.reset();
  impl_->fd.reset();
}

std::uint16_t Listener::port() const {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  ::getsockname(impl_->fd.get(), reinterpret_cast<sockaddr*>(&address), &length);
  // sin_port and sin6_port are at the same place.
  sockaddr_in in{};
  std::memcpy(&in, &address, sizeof in);
  return ntohs(in.sin_port);
}

void Listener::pause() {
  impl_->paused = true;
  impl_->update();
}

void Listener::resume() {
  impl_->paused = false;
  impl_->update();
}

}  // namespace kachery
