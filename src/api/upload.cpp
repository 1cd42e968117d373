#include "api/upload.h"

#include <utility>

#include "base/limits.h"

namespace kachery::api {

Json stored_file_json(const StoredFile& stored) {
  return Json::object({{"success", true},
                       {"error", nullptr},
                       {"sha1", stored.sha1.hex()},
                       {"manifestSha1", stored.manifest ? Json(stored.manifest->hex()) : Json()}});
}

UploadFlight::UploadFlight(Flights& flights, const Store& store, StoreJobs& jobs, HttpExchangePtr exchange)
    : flights_(flights), store_(store), jobs_(jobs), exchange_(std::move(exchange)) {
  exchange_->on_closed([this] { flights_.land(*this); });
}

UploadFlight::~UploadFlight() {
  exchange_->on_closed([] {});
}

void UploadFlight::start() {
  const http1::RequestHead& head = exchange_->head();
  const std::uint64_t size = head.framing == http1::BodyFraming::length ? head.content_length : 0;
  if (size > limits::file_bytes) {
    fail_with(Error{Errc::too_large, "a file may have at most 2^53 bytes"});
  } else if (auto file = IncomingFile::create(store_, size); file) {
    file_.emplace(*std::move(file));
  } else {
    fail_with(file.error());
  }
  // Who waits for "100 Continue" has sent nothing yet and is listening.
  if (error_ && head.expect_continue) return answer(tl::unexpected(*error_));
  exchange_->stream_body({[this](std::string_view piece) { receive(piece); }, [this] { received(); },
                          [this](const Error&) { flights_.land(*this); }});
}

void UploadFlight::receive(std::string_view piece) {
  if (state_ != State::receiving) return;
  if (file_->size() + piece.size() > limits::file_bytes) {
    fail_with(Error{Errc::too_large, "a file may have at most 2^53 bytes"});
  } else if (const Status status = file_->write(piece); !status) {
    fail_with(status.error());
  }
}

void UploadFlight::received() {
  if (state_ == State::dropping) return answer(tl::unexpected(*error_));
  state_ = State::committing;
  ticket_ =
      jobs_.commit(*std::exchange(file_, {}), [this](const Result<StoredFile>& stored) { answer(stored); });
}

void UploadFlight::fail_with(Error error) {
  state_ = State::dropping;
  error_ = std::move(error);
  file_.reset();
}

void UploadFlight::answer(const Result<StoredFile>& stored) {
  state_ = State::answered;
  if (stored) {
    exchange_->respond_json(200, stored_file_json(*stored));
  } else {
    exchange_->respond_json(200, Json::object({{"success", false},
                                               {"error", stored.error().message},
                                               {"errorCode", name_of(stored.error().code)},
                                               {"sha1", nullptr},
                                               {"manifestSha1", nullptr}}));
  }
  flights_.land(*this);
}

}  // namespace kachery::api
