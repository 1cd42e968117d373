// What a progress bar shows, as text; no terminal, no clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace kachery::cli {

using std::chrono::milliseconds;

// 12345678 -> "12.3 MB"; decimal units.
std::string bytes_text(std::uint64_t bytes);
// 75 s -> "1:15", 3700 s -> "1:01:40"; rounded up.
std::string duration_text(milliseconds time);

// Bytes per second from reports at any moments, smoothed over a few seconds.
class RateMeter {
 public:
  // `done` may go back (another attempt): then it starts anew. `now` must not.
  void report(milliseconds now, std::uint64_t done);
  // Nothing before there is enough to tell.
  std::optional<double> bytes_per_second() const;

 private:
  bool started_ = false;
  milliseconds last_{0};
  std::uint64_t last_done_ = 0;
  milliseconds measured_{0};
  double rate_ = 0;
};

struct ProgressState {
  std::uint64_t done = 0;
  std::uint64_t total = 0;  // 0: unknown
  std::optional<double> bytes_per_second;
};

// One line of at most `columns` characters (ASCII, no line end): bar, percent, bytes, rate, time left; the
// less important parts go first when it is narrow. `label` comes first if there is room.
std::string progress_line(const std::string& label, const ProgressState& state, unsigned columns);

}  // namespace kachery::cli
