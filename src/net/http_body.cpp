#include "net/http_body.h"

#include <algorithm>

namespace kachery {

Result<std::string_view> HttpBodyReader::next(std::string_view& input) {
  if (chunked_) {
    auto piece = decoder_.next(input);
    if (piece) received_ += piece->size();
    return piece;
  }
  const std::string_view piece =
      input.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size())));
  input.remove_prefix(piece.size());
  left_ -= piece.size();
  received_ += piece.size();
  return piece;
}

std::optional<std::uint64_t> HttpBodyReader::left() const {
  if (complete()) return 0;
  if (chunked_) return std::nullopt;
  return left_;
}

}  // namespace kachery
