// A request's body, whichever way its end is told.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "codec/http1.h"

namespace kachery {

class HttpBodyReader {
 public:
  explicit HttpBodyReader(const http1::RequestHead& head)
      : chunked_(head.framing == http1::BodyFraming::chunked), left_(head.content_length) {}

  // As http1::ChunkedDecoder::next().
  Result<std::string_view> next(std::string_view& input);
  bool complete() const { return chunked_ ? decoder_.complete() : left_ == 0; }
  std::uint64_t received() const { return received_; }
  // Bytes still to come; nothing when that is not known.
  std::optional<std::uint64_t> left() const;

 private:
  bool chunked_;
  std::uint64_t left_;  // unless chunked
  std::uint64_t received_ = 0;
  http1::ChunkedDecoder decoder_;
};

}  // namespace kachery
