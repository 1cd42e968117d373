#include "codec/json_frames.h"

#include <charconv>
#include <utility>

#include "base/log.h"

namespace kachery {

std::string json_frame(const Json& value) {
  const std::string text = value.text();
  return fmt::format("{}#{}", text.size(), text);
}

void JsonFrameReader::feed(std::string_view piece) {
  if (error_) return;
  // Taken frames are dropped once they are half of the buffer, so that each byte is moved once or twice.
  if (start_ > buffer_.size() / 2) {
    buffer_.erase(0, start_);
    start_ = 0;
  }
  buffer_ += piece;
}

Result<std::optional<Json>> JsonFrameReader::next() {
  if (error_) return fail(*error_);
  auto frame = cut();
  if (!frame) {
    error_ = frame.error();
    buffer_ = std::string();
    start_ = 0;
  }
  return frame;
}

Result<std::optional<Json>> JsonFrameReader::cut() {
  const std::string_view held = std::string_view(buffer_).substr(start_);
  if (held.empty()) return std::nullopt;
  std::size_t length = 0;
  const auto read = std::from_chars(held.data(), held.data() + held.size(), length);
  const auto digits = static_cast<std::size_t>(read.ptr - held.data());
  if (read.ec == std::errc::result_out_of_range || (digits > 0 && length > max_)) {
    return fail(Errc::too_large, "a JSON frame must be at most {} bytes long", max_);
  }
  const bool bad_digits = digits == 0 || held[0] == '0';
  if (bad_digits || (digits < held.size() && held[digits] != '#')) {
    return fail(Errc::invalid, "a JSON frame must begin with its length and '#', got \"{}\"",
                escaped(held.substr(0, 20)));
  }
  const std::size_t prefix = digits + 1;
  if (held.size() < prefix || held.size() - prefix < length) return std::nullopt;
  KACHERY_TRY(Json value, Json::parse(held.substr(prefix, length)));
  start_ += prefix + length;
  return value;
}

}  // namespace kachery
