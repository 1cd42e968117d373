// A request and its response without a socket.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "net/http_server.h"

namespace kachery::testing {

class FakeExchange final : public HttpExchange {
 public:
  FakeExchange(std::string method, std::string path, std::vector<http1::Header> sent_headers = {},
               std::string body = {}) {
    head_.method = std::move(method);
    head_.path = std::move(path);
    head_.target = head_.path;
    head_.headers = std::move(sent_headers);
    head_.content_length = body.size();
    if (!body.empty()) head_.framing = http1::BodyFraming::length;
    body_ = std::move(body);
  }

  // ---- what the client does
  http1::RequestHead& request() { return head_; }
  void send_piece(std::string_view piece) { sink_->data(piece); }
  void send_end() { sink_->end(); }
  void go_away() {
    closed_ = true;
    if (sink_) sink_->broken(Error{Errc::unreachable, "the client went away"});
    if (closed_callback_) closed_callback_();
  }

  // ---- what it gets
  int status = 0;
  std::vector<http1::Header> headers;
  std::string content;
  bool finished = false;
  bool aborted = false;
  std::uint64_t file_offset = 0;
  std::uint64_t file_length = 0;
  bool streams_body() const { return sink_.has_value(); }
  std::string header(std::string_view name) const {
    for (const auto& [each, value] : headers) {
      if (each == name) return value;
    }
    return {};
  }
  Json json() const { return Json::parse(content).value_or(Json()); }

  // ---- HttpExchange
  const http1::RequestHead& head() const override { return head_; }
  const std::string& peer_address() const override { return peer_; }
  void collect_body(std::size_t max_bytes, BodyDone done) override {
    if (body_.size() > max_bytes) {
      status = 413;
    } else {
      done(body_);
    }
  }
  void stream_body(BodySink sink) override { sink_ = std::move(sink); }
  void pause_body(bool) override {}
  void respond(int with_status, std::string_view content_type, std::string body) override {
    respond(with_status, {{"Content-Type", std::string(content_type)}}, std::move(body));
  }
  void respond(int with_status, std::vector<http1::Header> with_headers, std::string body) override {
    start(with_status, std::move(with_headers));
    content = std::move(body);
    finished = true;
  }
  void respond_file(int with_status, std::vector<http1::Header> with_headers, UniqueFd, std::uint64_t offset,
                    std::uint64_t length, std::function<void(std::uint64_t)> done) override {
    start(with_status, std::move(with_headers));
    file_offset = offset;
    file_length = length;
    finished = true;
    if (done) done(length);
  }
  void start(int with_status, std::vector<http1::Header> with_headers) override {
    status = with_status;
    headers = std::move(with_headers);
  }
  void write(std::string_view piece) override { content += piece; }
  std::size_t unsent() const override { return 0; }
  void finish() override { finished = true; }
  void abort() override { aborted = true; }
  bool responded() const override { return status != 0; }
  bool closed() const override { return closed_; }
  void on_closed(std::function<void()> callback) override { closed_callback_ = std::move(callback); }

 private:
  http1::RequestHead head_;
  std::string body_;
  std::string peer_ = "127.0.0.1";
  std::optional<BodySink> sink_;
  std::function<void()> closed_callback_;
  bool closed_ = false;
};

}  // namespace kachery::testing
