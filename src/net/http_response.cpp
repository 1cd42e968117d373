// Responses of an HttpConnection.
#include <sys/socket.h>

#include <charconv>
#include <utility>

#include "base/log.h"
#include "net/http_connection.h"

namespace kachery {

namespace {

// What of an unread body is rather read and dropped than the connection given up for it.
constexpr std::uint64_t droppable_bytes = 64u << 10;
constexpr milliseconds disk_wait{3};

bool names(const http1::Header& header, std::string_view name) {
  return http1::equal_ignoring_case(header.name, name);
}

}  // namespace

// Builds a status line with headers; false when there is nobody to send it to or one was given before.
// `length`: of the body; nothing if it is not known.
bool HttpConnection::begin_response(int status, std::vector<http1::Header> headers,
                                    std::optional<std::uint64_t> length, std::string& head) {
  if (dead_ || transaction_->response != Response::none) return false;
  Transaction& t = *transaction_;
  t.response = Response::started;

  const bool body_over = t.body.complete();
  const bool droppable = !t.expect_continue && t.body.left().value_or(UINT64_MAX) <= droppable_bytes;
  t.close_after = t.close_after || !t.keep_alive || core_->draining || !(body_over || droppable);

  const bool status_has_body = status >= 200 && status != 204 && status != 304;
  t.has_body = status_has_body && !t.head_method;
  for (const http1::Header& header : headers) {
    if (names(header, "connection") && http1::equal_ignoring_case(header.value, "close")) {
      t.close_after = true;
    }
  }
  // How the message is framed is for us to say.
  std::erase_if(headers, [](const http1::Header& header) {
    return names(header, "content-length") || names(header, "transfer-encoding") ||
           names(header, "connection") || names(header, "date");
  });
  headers.push_back({"Date", core_->date()});
  if (status_has_body && length) {
    headers.push_back({"Content-Length", std::to_string(*length)});
  } else if (status_has_body && !t.http_1_0) {
    headers.push_back({"Transfer-Encoding", "chunked"});
    t.chunked = t.has_body;
  } else if (status_has_body) {
    t.close_after = true;  // the end of the connection is the end of the body
  }
  if (t.close_after) {
    headers.push_back({"Connection", "close"});
  } else if (t.http_1_0) {
    headers.push_back({"Connection", "keep-alive"});
  }
  head = http1::response_head(status, headers);
  if (out_.empty()) write_progress_ = core_->loop.monotonic();
  return true;
}

void HttpConnection::respond(int status, std::vector<http1::Header> headers, std::string body) {
  std::string head;
  if (!begin_response(status, std::move(headers), body.size(), head)) return;
  transaction_->response = Response::complete;
  out_.push(std::move(head));
  if (transaction_->has_body) out_.push(std::move(body));
  flush();
}

void HttpConnection::respond_file(int status, std::vector<http1::Header> headers, UniqueFd file,
                                  std::uint64_t offset, std::uint64_t length,
                                  std::function<void(std::uint64_t)> done) {
  std::string head;
  if (!begin_response(status, std::move(headers), length, head)) return;
  transaction_->response = Response::complete;
  transaction_->file_done = std::move(done);
  out_.push(std::move(head));
  if (transaction_->has_body) out_.push_file(std::move(file), offset, length);
  flush();
}

void HttpConnection::start_response(int status, std::vector<http1::Header> headers) {
  std::optional<std::uint64_t> length;
  for (const http1::Header& header : headers) {
    if (!names(header, "content-length")) continue;
    std::uint64_t value = 0;
    const char* const end = header.value.data() + header.value.size();
    if (std::from_chars(header.value.data(), end, value).ptr == end) length = value;
  }
  std::string head;
  if (!begin_response(status, std::move(headers), length, head)) return;
  if (transaction_->has_body) transaction_->promised = length;
  sent(out_.send(socket_.get(), {head}));
}

void HttpConnection::write(std::string_view piece) {
  if (dead_ || transaction_->response != Response::started || !transaction_->has_body || piece.empty())
    return;
  Transaction& t = *transaction_;
  if (t.promised) {
    if (piece.size() > *t.promised) {
      log_error("a response is longer than its Content-Length: it is cut");
      t.close_after = true;
      piece = piece.substr(0, static_cast<std::size_t>(*t.promised));
      if (piece.empty()) return;
    }
    *t.promised -= piece.size();
  }
  if (out_.empty()) write_progress_ = core_->loop.monotonic();
  if (t.chunked) {
    sent(out_.send(socket_.get(), {http1::chunk_prefix(piece.size()), piece, http1::chunk_suffix}));
  } else {
    sent(out_.send(socket_.get(), {piece}));
  }
}

void HttpConnection::finish_response() {
  if (dead_ || transaction_->response != Response::started) return;
  Transaction& t = *transaction_;
  if (t.promised.value_or(0) > 0) {
    log_error("a response ended {} bytes before its Content-Length", *t.promised);
    abort();
    return;
  }
  t.response = Response::complete;
  if (t.chunked) {
    sent(out_.send(socket_.get(), {http1::last_chunk}));
  } else {
    flush();
  }
}

void HttpConnection::abort() {
  if (dead_) return;
  // A reset, because the end of an HTTP/1.0 response is the end of the connection.
  const ::linger reset{1, 0};
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  die(Error{Errc::cancelled, "the response was given up"});
}

bool HttpConnection::responded() const {
  return transaction_ && transaction_->response != Response::none;
}

void HttpConnection::flush() {
  if (!dead_) sent(out_.send(socket_.get()));
}

// Goes on after a send.
void HttpConnection::sent(const SendQueue::Sent& result) {
  using Outcome = SendQueue::Sent::Outcome;
  core_->bytes_sent += result.bytes;
  if (transaction_) transaction_->file_sent += result.file_bytes;
  if (result.bytes > 0) write_progress_ = core_->loop.monotonic();
  switch (result.outcome) {
    case Outcome::empty:
      watch_.want_write(false);
      if (transaction_ && transaction_->response == Response::complete) schedule();
      return;
    case Outcome::blocked:
    case Outcome::more:
      watch_.want_write(true);
      return;
    case Outcome::cold:
      watch_.want_write(false);
      write_progress_ = core_->loop.monotonic();
      disk_timer_ = core_->loop.after(disk_wait, [this] { writable(); });
      return;
    case Outcome::file_short:
      log_warning("a file is shorter than what was promised of it: closing the connection");
      die(Error{Errc::changed, "the file is shorter than what was promised of it"});
      return;
    case Outcome::failed:
      die(system_error(result.error, "sending to the client failed"));
      return;
  }
}

}  // namespace kachery
