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

class Listener {
 public:
  using OnAccept = std::function<void(UniqueFd connection, std::string peer_address)>;

  // Listens on `host` (a numeric address; "0.0.0.0", "127.0.0.1", "::") and `port` (0: the kernel chooses).
  // Accepted sockets are non-blocking, close-on-exec and TCP_NODELAY. A port in use fails with Errc::busy and
  // a message that names host and port.
  static Result<std::unique_ptr<Listener>> open(Loop& loop, const std::string& host, std::uint16_t port,
                                                OnAccept on_accept);
  ~Listener();

  std::uint16_t port() const;
  // While paused, connections wait in the kernel's queue.
  void pause();
  void resume();

 private:
  struct Impl;
  explicit Listener(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Out of file descriptors, a listener must not spin: it closes a descriptor kept in reserve, accepts, drops
// the connection, takes the reserve back and pauses for a second.

}  // namespace kachery
