// A listening TCP socket.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"
#include "reactor/loop.h"

namespace kachery {

// Out of file descriptors, a listener must not spin: it closes a descriptor kept in reserve, accepts, drops
// the connection, takes the reserve back and pauses for a second.
class Listener {
 public:
  // `peer_address` is numeric and without port; an IPv4 address that came over an IPv6 socket is written as
  // IPv4. The callback may pause or destroy the listener.
  using OnAccept = std::function<void(UniqueFd connection, std::string peer_address)>;

  // Listens on `host` (a numeric address; "0.0.0.0", "127.0.0.1", "::") and `port` (0: the kernel chooses).
  // Accepted sockets are non-blocking, close-on-exec and TCP_NODELAY. A port in use fails with Errc::busy and
  // a message that names host and port; a host that is no numeric address with Errc::invalid.
  static Result<std::unique_ptr<Listener>> open(Loop& loop, const std::string& host, std::uint16_t port,
                                                OnAccept on_accept);
  ~Listener();

  std::uint16_t port() const;
  // While paused, connections wait in the kernel's queue.
  void pause();
  void resume();

 private:
  struct Impl;
  explicit Listener(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace kachery
