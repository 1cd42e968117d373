// What fuzz targets share. Each target is one LLVMFuzzerTestOneInput that checks properties of its codec:
// under clang libFuzzer drives it (KACHERY_FUZZ), else replay_main.cpp runs the files of its corpus.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace kachery::fuzz {

// The input, from whose front a target may take the choices it has to make.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : left_(reinterpret_cast<const char*>(data), size) {}

  // 0 when the input is used up.
  std::uint8_t byte() {
    if (left_.empty()) return 0;
    const auto out = static_cast<std::uint8_t>(left_.front());
    left_.remove_prefix(1);
    return out;
  }
  // At most `n` bytes.
  std::string_view take(std::size_t n) {
    const std::string_view out = left_.substr(0, n);
    left_.remove_prefix(out.size());
    return out;
  }
  std::string_view rest() const { return left_; }

 private:
  std::string_view left_;
};

// Calls `f` with `text` cut into pieces of `size` bytes.
template <class F>
void in_pieces(std::string_view text, std::size_t size, F f) {
  while (!text.empty()) {
    const std::string_view piece = text.substr(0, std::max<std::size_t>(size, 1));
    text.remove_prefix(piece.size());
    f(piece);
  }
}

[[noreturn]] inline void broken(const char* property, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: broken property: %s\n", file, line, property);
  std::abort();
}

}  // namespace kachery::fuzz

// Ends the run, with a message that libFuzzer keeps beside the input.
#define FUZZ_CHECK(property) \
  ((property) ? static_cast<void>(0) : ::kachery::fuzz::broken(#property, __FILE__, __LINE__))
