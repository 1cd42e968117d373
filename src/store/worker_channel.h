// The packets between loop and worker. For this room only.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"

namespace kachery {

enum class PacketType : std::uint32_t {
  submit = 1,  // kind, NUL, arguments as JSON; with descriptors
  cancel,      // nothing
  progress,    // a ProgressPayload
  success,     // the result as JSON
  failure,     // the Errc in four bytes, the message
};

struct Packet {
  PacketType type = PacketType::cancel;
  std::uint64_t id = 0;  // of the job
  std::string payload;
  std::vector<UniqueFd> fds;
};

struct ProgressPayload {
  std::uint64_t done = 0;
  std::uint64_t total = 0;
};

inline constexpr std::size_t packet_fds = 8;
inline constexpr std::size_t packet_payload_bytes = 256u << 20;

// 0, or a negative errno: -EAGAIN if the socket does not take it now, -EMSGSIZE beyond the limits above.
int send_packet(int socket, PacketType type, std::uint64_t id, std::string_view payload,
                std::span<const int> fds);

// 1 with a packet, 0 at the end, or a negative errno: -EAGAIN if there is none and `wait` is false, -EMFILE
// if descriptors that belonged to it were lost (`packet.id` tells whose).
int receive_packet(int socket, bool wait, Packet& packet);

}  // namespace kachery
