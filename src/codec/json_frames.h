// The frames of /findFile and /loadFile: "<byte length>#<json>", one after the other (protocol.md section 5).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "codec/json.h"

namespace kachery {

std::string json_frame(const Json& value);

// Cuts a stream of frames; feed pieces of any size, then take frames until there is none.
class JsonFrameReader {
 public:
  explicit JsonFrameReader(std::size_t max_frame_bytes) : max_(max_frame_bytes) {}
  void feed(std::string_view piece);
  // The next whole frame; nothing yet; or an error, which is final.
  Result<std::optional<Json>> next();
  // True if no unfinished frame is held.
  bool empty() const { return start_ == buffer_.size(); }

 private:
  Result<std::optional<Json>> cut();

  std::size_t max_;
  std::string buffer_;
  std::size_t start_ = 0;  // of the first frame that was not taken, in `buffer_`
  std::optional<Error> error_;
};

}  // namespace kachery
