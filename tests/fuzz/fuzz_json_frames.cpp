// JSON frames: pieces of any size give what the whole gives.
#include <string>
#include <vector>

#include "codec/json_frames.h"
#include "fuzz/fuzz.h"

using namespace kachery;

namespace {

constexpr std::size_t max_frame = 5000;

struct Outcome {
  std::vector<std::string> frames;
  bool failed = false;
  bool unfinished = false;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome read(std::string_view stream, std::size_t piece_size) {
  JsonFrameReader reader(max_frame);
  Outcome out;
  fuzz::in_pieces(stream, piece_size, [&](std::string_view piece) {
    reader.feed(piece);
    while (!out.failed) {
      const auto frame = reader.next();
      out.failed = !frame;
      if (!frame || !*frame) break;
      out.frames.push_back((*frame)->text());
    }
  });
  out.unfinished = !out.failed && !reader.empty();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::size_t piece_size = input.byte();
  const Outcome whole = read(input.rest(), input.rest().size());
  for (const std::size_t n : {std::size_t{1}, std::size_t{2}, std::size_t{3}, piece_size}) {
    FUZZ_CHECK(read(input.rest(), n) == whole);
  }

  std::string written;
  for (const std::string& frame : whole.frames) written += json_frame(Json::parse(frame).value());
  Outcome expected;
  expected.frames = whole.frames;
  // A number may grow when it is written (1e20), so that a frame at the limit may pass it.
  if (written.size() <= max_frame) FUZZ_CHECK(read(written, piece_size) == expected);
  return 0;
}
