// The progress bar on the terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "cli/progress_line.h"

namespace kachery::cli {

// Draws on stderr if that is a terminal, at most ten times a second, and only when the work takes long enough
// to be worth it. Destroyed without finish(), it removes its line.
class ProgressBar {
 public:
  // Time since some fixed point.
  using Clock = std::function<milliseconds()>;

  ProgressBar(std::string label, bool wanted, Clock clock = steady_time);
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  ~ProgressBar();

  void report(std::uint64_t done, std::uint64_t total);
  // Leaves a line about the whole standing, if any was drawn.
  void finish();
  // Removes the line, before a message.
  void clear();

  // A kachery_progress_fn for a ProgressBar as `user`.
  static std::int32_t on_progress(void* user, std::uint64_t done, std::uint64_t total, const char* node_id);

 private:
  static milliseconds steady_time();
  milliseconds elapsed() const { return clock_() - start_; }
  void draw(const std::string& line);

  std::string label_;
  bool wanted_;
  Clock clock_;
  milliseconds start_;
  bool drawn_ = false;
  milliseconds last_drawn_{0};
  RateMeter rate_;
  ProgressState state_;
};

}  // namespace kachery::cli
