// Bytes and pieces of files on their way into a socket, in order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"

namespace kachery {

class SendQueue {
 public:
  // Adds `bytes`; they are moved, so big ones cost no copy.
  void push(std::string bytes);
  // Adds `length` bytes of `file` from `offset`.
  void push_file(UniqueFd file, std::uint64_t offset, std::uint64_t length);

  struct Sent {
    enum class Outcome {
      empty,       // everything was taken
      blocked,     // the socket is full: go on when it is writable
      more,        // a slice was sent and there is more: go on in the next iteration of the loop
      cold,        // the file's next bytes are being read from the disk: try again in a few milliseconds
      file_short,  // a file ended before its promised length; nothing after it can be sent
      failed,      // `error` is the errno value
    };
    Outcome outcome = Outcome::empty;
    int error = 0;
    std::uint64_t bytes = 0;       // taken by the kernel in this call
    std::uint64_t file_bytes = 0;  // those of them that came from files
  };
  // Sends to the non-blocking socket `fd`: at most about 1 MiB, so that the loop stays free.
  Sent send(int fd);
  // Sends `pieces` after what is queued; without a copy as far as the kernel takes them now.
  Sent send(int fd, std::initializer_list<std::string_view> pieces);

  bool empty() const { return head_ == segments_.size(); }
  std::size_t memory() const { return memory_; }  // queued bytes, without those of files

 private:
  struct Segment {
    std::string bytes;  // unless file
    std::size_t sent = 0;
    UniqueFd file;
    std::uint64_t offset = 0;
    std::uint64_t left = 0;
    int cold_tries = 0;
  };
  void append(std::string_view bytes);
  Sent send_bytes(int fd);
  Sent send_file(int fd, Segment& segment);
  void taken(std::size_t n);

  std::vector<Segment> segments_;
  std::size_t head_ = 0;  // the first one that is not sent
  std::size_t memory_ = 0;
};

}  // namespace kachery
