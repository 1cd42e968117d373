#include "store/worker_channel.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "store/env.h"
#include "store/read_fully.h"

namespace kachery {
namespace {

constexpr std::size_t inline_bytes = 64u << 10;  // more goes into a memfd

struct Header {
  std::uint32_t type = 0;
  std::uint32_t in_memfd = 0;  // 1: the payload is in the first descriptor
  std::uint64_t id = 0;
  std::uint64_t size = 0;  // of the payload
  std::uint64_t fds = 0;   // beside the memfd
};

UniqueFd memfd_with(std::string_view payload, int& error) {
  UniqueFd fd(::memfd_create("kachery-packet", MFD_CLOEXEC));
  error = fd ? posix_env().write_all(fd.get(), payload) : -errno;
  return fd;
}

std::vector<UniqueFd> take_descriptors(msghdr& message) {
  std::vector<UniqueFd> fds;
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
      fds.emplace_back(fd);
    }
  }
  return fds;
}

constexpr std::size_t control_bytes = CMSG_SPACE((packet_fds + 1) * sizeof(int));

}  // namespace

int send_packet(int socket, PacketType type, std::uint64_t id, std::string_view payload,
                std::span<const int> fds) {
  if (fds.size() > packet_fds || payload.size() > packet_payload_bytes) return -EMSGSIZE;
  Header header{static_cast<std::uint32_t>(type), 0, id, payload.size(), fds.size()};
  std::vector<int> all(fds.begin(), fds.end());
  UniqueFd memfd;
  if (payload.size() > inline_bytes) {
    int error = 0;
    memfd = memfd_with(payload, error);
    if (error < 0) return error;
    all.insert(all.begin(), memfd.get());
    header.in_memfd = 1;
    payload = {};
  }
  std::array<iovec, 2> parts{{{&header, sizeof header}, {const_cast<char*>(payload.data()), payload.size()}}};
  alignas(cmsghdr) std::array<char, control_bytes> control{};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  if (!all.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(all.size() * sizeof(int));
    cmsghdr* c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(all.size() * sizeof(int));
    std::memcpy(CMSG_DATA(c), all.data(), all.size() * sizeof(int));
  }
  while (::sendmsg(socket, &message, MSG_NOSIGNAL) < 0) {
    if (errno != EINTR) return -errno;
  }
  return 0;
}

int receive_packet(int socket, bool wait, Packet& packet) {
  static std::array<char, inline_bytes> inline_payload;
  Header header;
  std::array<iovec, 2> parts{{{&header, sizeof header}, {inline_payload.data(), inline_payload.size()}}};
  alignas(cmsghdr) std::array<char, control_bytes> control{};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t n = 0;
  do {
    n = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
  } while (n < 0 && errno == EINTR);
  if (n < 0) return errno == EWOULDBLOCK ? -EAGAIN : -errno;
  if (n == 0) return 0;
  std::vector<UniqueFd> fds = take_descriptors(message);
  if (static_cast<std::size_t>(n) < sizeof header || (message.msg_flags & MSG_TRUNC) != 0) return -EPROTO;
  packet.type = static_cast<PacketType>(header.type);
  packet.id = header.id;
  packet.payload.clear();
  packet.fds.clear();
  if ((message.msg_flags & MSG_CTRUNC) != 0 || fds.size() != header.fds + header.in_memfd) return -EMFILE;
  if (header.in_memfd != 0) {
    auto text = read_fully(posix_env(), fds.front().get(), header.size, packet_payload_bytes);
    if (!text || text->size() != header.size) return -EPROTO;
    packet.payload = *std::move(text);
    fds.erase(fds.begin());
  } else {
    packet.payload.assign(inline_payload.data(), static_cast<std::size_t>(n) - sizeof header);
    if (packet.payload.size() != header.size) return -EPROTO;
  }
  packet.fds = std::move(fds);
  return 1;
}

}  // namespace kachery
