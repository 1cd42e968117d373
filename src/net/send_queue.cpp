#include "net/send_queue.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace kachery {

namespace {

using Outcome = SendQueue::Sent::Outcome;

constexpr std::size_t slice = 1u << 20;        // of a file, per call
constexpr std::size_t joined = 64u << 10;      // queued pieces are joined up to this size
constexpr std::size_t copy_piece = 64u << 10;  // where sendfile can't be used
constexpr std::size_t probe_step = 64u << 10;
constexpr std::uint64_t read_ahead = 4u << 20;
constexpr int cold_tries_limit = 1'000;  // then wait for the disk after all rather than never send

// How many of the next `wanted` bytes of `file` are in memory, so that sending them doesn't wait for a disk.
// All of them, if the file system can't say.
std::size_t warm_bytes(int file, std::uint64_t offset, std::size_t wanted) {
  for (std::size_t at = 0; at < wanted; at += probe_step) {
    char byte = 0;
    iovec one{&byte, 1};
    const auto position = static_cast<off_t>(offset + at);
    if (::preadv2(file, &one, 1, position, RWF_NOWAIT) < 0 && errno == EAGAIN) return at;
  }
  return wanted;
}

SendQueue::Sent failure(int error) {
  SendQueue::Sent out;
  const bool full = error == EAGAIN || error == EINTR;
  out.outcome = full ? Outcome::blocked : Outcome::failed;
  out.error = full ? 0 : error;
  return out;
}

// read + send for files and sockets that sendfile(2) refuses. What the socket does not take is read again.
ssize_t send_copy(int fd, int file, std::uint64_t offset, std::size_t size) {
  std::array<char, copy_piece> buffer;
  const ssize_t n = ::pread(file, buffer.data(), std::min(size, buffer.size()), static_cast<off_t>(offset));
  if (n <= 0) return n;
  return ::send(fd, buffer.data(), static_cast<std::size_t>(n), MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace

void SendQueue::push(std::string bytes) {
  if (bytes.empty()) return;
  memory_ += bytes.size();
  segments_.emplace_back().bytes = std::move(bytes);
}

void SendQueue::append(std::string_view bytes) {
  if (bytes.empty()) return;
  const bool join = !empty() && !segments_.back().file && segments_.back().bytes.size() < joined;
  if (!join) segments_.emplace_back();
  segments_.back().bytes.append(bytes);
  memory_ += bytes.size();
}

void SendQueue::push_file(UniqueFd file, std::uint64_t offset, std::uint64_t length) {
  if (length == 0) return;
  Segment& segment = segments_.emplace_back();
  segment.file = std::move(file);
  segment.offset = offset;
  segment.left = length;
}

SendQueue::Sent SendQueue::send(int fd) {
  Sent total;
  while (!empty()) {
    Segment& first = segments_[head_];
    const Sent sent = first.file ? send_file(fd, first) : send_bytes(fd);
    total.bytes += sent.bytes;
    total.file_bytes += sent.file_bytes;
    total.outcome = sent.outcome;
    total.error = sent.error;
    if (sent.outcome != Outcome::more) return total;
    if (total.bytes >= slice && !empty()) return total;
  }
  total.outcome = Outcome::empty;
  // Idle connections hold no memory.
  segments_ = std::vector<Segment>();
  head_ = 0;
  return total;
}

SendQueue::Sent SendQueue::send(int fd, std::initializer_list<std::string_view> pieces) {
  Sent sent;
  if (empty()) {
    std::array<iovec, 4> parts;
    std::size_t count = 0;
    for (const std::string_view piece : pieces) {
      if (count < parts.size()) parts[count++] = {const_cast<char*>(piece.data()), piece.size()};
    }
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = count;
    const ssize_t n = ::sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) {
      sent = failure(errno);
      if (sent.outcome == Outcome::failed) return sent;
    } else {
      sent.bytes = static_cast<std::uint64_t>(n);
    }
  }
  auto skip = static_cast<std::size_t>(sent.bytes);
  for (const std::string_view piece : pieces) {
    const std::size_t skipped = std::min(skip, piece.size());
    append(piece.substr(skipped));
    skip -= skipped;
  }
  sent.outcome = empty() ? Outcome::empty : Outcome::blocked;
  return sent;
}

SendQueue::Sent SendQueue::send_bytes(int fd) {
  std::array<iovec, 16> parts;
  std::size_t count = 0;
  std::size_t i = head_;
  for (; i < segments_.size() && !segments_[i].file && count < parts.size(); ++i) {
    Segment& segment = segments_[i];
    parts[count++] = {segment.bytes.data() + segment.sent, segment.bytes.size() - segment.sent};
  }
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = count;
  // A head travels with the first bytes of its file.
  const int more = i < segments_.size() ? MSG_MORE : 0;
  const ssize_t n = ::sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT | more);
  if (n < 0) return failure(errno);
  taken(static_cast<std::size_t>(n));
  Sent out;
  out.outcome = Outcome::more;
  out.bytes = static_cast<std::uint64_t>(n);
  return out;
}

void SendQueue::taken(std::size_t n) {
  memory_ -= n;
  while (n > 0) {
    Segment& first = segments_[head_];
    const std::size_t part = std::min(n, first.bytes.size() - first.sent);
    first.sent += part;
    n -= part;
    if (first.sent == first.bytes.size()) {
      first.bytes = std::string();
      ++head_;
    }
  }
  // A response that is written for hours never empties the queue: drop what was sent now and then.
  if (head_ > 64 && head_ > segments_.size() / 2) {
    segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
}

SendQueue::Sent SendQueue::send_file(int fd, Segment& segment) {
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(segment.left, slice));
  std::size_t size = warm_bytes(segment.file.get(), segment.offset, wanted);
  if (size < wanted) {
    ::posix_fadvise(segment.file.get(), static_cast<off_t>(segment.offset + size),
                    static_cast<off_t>(std::min(segment.left - size, read_ahead)), POSIX_FADV_WILLNEED);
    if (size == 0 && ++segment.cold_tries < cold_tries_limit) {
      Sent out;
      out.outcome = Outcome::cold;
      return out;
    }
    if (size == 0) size = probe_step;
  }
  size = std::min(size, wanted);
  segment.cold_tries = 0;

  auto position = static_cast<off_t>(segment.offset);
  ssize_t n = ::sendfile(fd, segment.file.get(), &position, size);
  if (n < 0 && (errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)) {
    n = send_copy(fd, segment.file.get(), segment.offset, size);
  }
  if (n < 0) return failure(errno);
  Sent out;
  if (n == 0) {
    out.outcome = Outcome::file_short;
    return out;
  }
  out.outcome = Outcome::more;
  out.bytes = out.file_bytes = static_cast<std::uint64_t>(n);
  segment.offset += out.bytes;
  segment.left -= out.bytes;
  if (segment.left == 0) {
    segment.file.reset();
    ++head_;
  }
  return out;
}

}  // namespace kachery
