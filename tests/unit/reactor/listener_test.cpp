#include "reactor/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <ctime>
#include <vector>

namespace kachery {
namespace {

UniqueFd connect_to(std::uint16_t port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fd.reset();
  return fd;
}

struct Accepted {
  std::vector<UniqueFd> connections;
  std::vector<std::string> peers;
  Listener::OnAccept callback() {
    return [this](UniqueFd fd, std::string peer) {
      connections.push_back(std::move(fd));
      peers.push_back(std::move(peer));
    };
  }
};

int int_option(int fd, int level, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  EXPECT_EQ(::getsockopt(fd, level, name, &value, &length), 0);
  return value;
}

TEST(Listener, AcceptsWithTheOptionsPromised) {
  Loop loop;
  Accepted accepted;
  auto listener = Listener::open(loop, "127.0.0.1", 0, accepted.callback());
  ASSERT_TRUE(listener.has_value()) << listener.error().message;
  ASSERT_NE((*listener)->port(), 0);
  const UniqueFd client = connect_to((*listener)->port());
  ASSERT_TRUE(client);
  loop.run_once();
  ASSERT_EQ(accepted.connections.size(), 1u);
  EXPECT_EQ(accepted.peers[0], "127.0.0.1");
  const int fd = accepted.connections[0].get();
  EXPECT_NE(::fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_NE(int_option(fd, IPPROTO_TCP, TCP_NODELAY), 0);
}

TEST(Listener, AcceptsOverIPv6AndNamesIPv4Peers) {
  Loop loop;
  Accepted accepted;
  auto listener = Listener::open(loop, "::", 0, accepted.callback());
  if (!listener) GTEST_SKIP() << "no IPv6 here: " << listener.error().message;
  if (int_option(UniqueFd(::socket(AF_INET6, SOCK_STREAM, 0)).get(), IPPROTO_IPV6, IPV6_V6ONLY) != 0) {
    GTEST_SKIP() << "IPv6 sockets don't take IPv4 here";
  }
  const UniqueFd client = connect_to((*listener)->port());
  ASSERT_TRUE(client);
  loop.run_once();
  ASSERT_EQ(accepted.peers.size(), 1u);
  EXPECT_EQ(accepted.peers[0], "127.0.0.1");
}

TEST(Listener, PausesAndResumes) {
  Loop loop;
  Accepted accepted;
  auto listener = Listener::open(loop, "127.0.0.1", 0, accepted.callback());
  ASSERT_TRUE(listener.has_value());
  (*listener)->pause();
  const UniqueFd client = connect_to((*listener)->port());
  loop.run_once();
  EXPECT_EQ(accepted.connections.size(), 0u);
  (*listener)->resume();
  loop.run_once();
  EXPECT_EQ(accepted.connections.size(), 1u);
}

TEST(Listener, PausedInItsCallbackItAcceptsNoMore) {
  Loop loop;
  std::vector<UniqueFd> accepted;
  Result<std::unique_ptr<Listener>> listener =
      Listener::open(loop, "127.0.0.1", 0, [&](UniqueFd fd, const std::string&) {
        accepted.push_back(std::move(fd));
        (*listener)->pause();
      });
  ASSERT_TRUE(listener.has_value());
  const UniqueFd first = connect_to((*listener)->port());
  const UniqueFd second = connect_to((*listener)->port());
  loop.run_once();
  loop.run_once();
  EXPECT_EQ(accepted.size(), 1u);
}

TEST(Listener, MayBeDestroyedInItsCallback) {
  Loop loop;
  int count = 0;
  Result<std::unique_ptr<Listener>> listener =
      Listener::open(loop, "127.0.0.1", 0, [&](UniqueFd, const std::string&) {
        ++count;
        listener->reset();
      });
  ASSERT_TRUE(listener.has_value());
  const std::uint16_t port = (*listener)->port();
  const UniqueFd first = connect_to(port);
  const UniqueFd second = connect_to(port);
  loop.run_once();
  EXPECT_EQ(count, 1);
  EXPECT_FALSE(connect_to(port));
}

TEST(Listener, PortInUse) {
  Loop loop;
  auto first = Listener::open(loop, "127.0.0.1", 0, [](UniqueFd, const std::string&) {});
  ASSERT_TRUE(first.has_value());
  const std::uint16_t port = (*first)->port();
  auto second = Listener::open(loop, "127.0.0.1", port, [](UniqueFd, const std::string&) {});
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, Errc::busy);
  EXPECT_EQ(second.error().message, "can't listen on 127.0.0.1 port " + std::to_string(port) +
                                        ": another program uses it; stop that one, or choose another port");
}

TEST(Listener, BadHosts) {
  Loop loop;
  for (const std::string host : {"", "localhost", "1.2.3.4.5", "a b"}) {
    auto listener = Listener::open(loop, host, 0, [](UniqueFd, const std::string&) {});
    ASSERT_FALSE(listener.has_value()) << host;
    EXPECT_EQ(listener.error().code, Errc::invalid) << host;
  }
  auto foreign = Listener::open(loop, "192.0.2.1", 0, [](UniqueFd, const std::string&) {});
  ASSERT_FALSE(foreign.has_value());
  EXPECT_EQ(foreign.error().code, Errc::io);
}

double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// In a child process, because it changes the limit of open files.
void run_out_of_descriptors() {
  Loop loop;
  Accepted accepted;
  auto listener = Listener::open(loop, "127.0.0.1", 0, accepted.callback());
  if (!listener) ::_exit(2);
  const UniqueFd refused = connect_to((*listener)->port());
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const rlimit few{64, limit.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &few);
  std::vector<UniqueFd> hogs;
  for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) hogs.emplace_back(fd);

  const double before = cpu_seconds();
  auto timer = loop.after(milliseconds(300), [&] { loop.stop(); });
  loop.run();
  if (cpu_seconds() - before > 0.2) ::_exit(3);  // it spins
  if (!accepted.connections.empty()) ::_exit(4);
  // The client that could not be served was told so rather than left hanging.
  pollfd state{refused.get(), POLLIN, 0};
  if (::poll(&state, 1, 0) != 1) ::_exit(5);

  hogs.clear();
  const UniqueFd served = connect_to((*listener)->port());
  timer = loop.after(milliseconds(1'500), [&] { loop.stop(); });
  loop.run();
  ::_exit(accepted.connections.size() == 1 ? 0 : 6);
}

TEST(ListenerDeathTest, OutOfDescriptorsItNeitherSpinsNorStaysDeaf) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizers' own checks need file descriptors";
#endif
  EXPECT_EXIT(run_out_of_descriptors(), ::testing::ExitedWithCode(0), "out of file descriptors");
}

}  // namespace
}  // namespace kachery
