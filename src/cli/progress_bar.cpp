#include "cli/progress_bar.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace kachery::cli {

namespace {

// Small work is done before anybody could read about it; big work is shown from its beginning.
constexpr milliseconds first_draw{300};
constexpr std::uint64_t big_bytes = 64u << 20;
constexpr milliseconds between_draws{100};
constexpr std::string_view clear_line = "\r\x1b[K";

bool can_draw() {
  const char* terminal = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) == 1 && (terminal == nullptr || std::string_view(terminal) != "dumb");
}

// The last column stays free: writing to it wraps on some terminals.
unsigned columns() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 2) return 79;
  return size.ws_col - 1u;
}

void to_terminal(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

}  // namespace

ProgressBar::ProgressBar(std::string label, bool wanted, Clock clock)
    : label_(std::move(label)), wanted_(wanted && can_draw()), clock_(std::move(clock)), start_(clock_()) {}

ProgressBar::~ProgressBar() {
  clear();
}

void ProgressBar::clear() {
  if (drawn_) to_terminal(clear_line);
  drawn_ = false;
}

milliseconds ProgressBar::steady_time() {
  return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now().time_since_epoch());
}

void ProgressBar::report(std::uint64_t done, std::uint64_t total) {
  if (!wanted_) return;
  const milliseconds now = elapsed();
  rate_.report(now, done);
  state_ = {done, total, rate_.bytes_per_second()};
  const milliseconds first = total >= big_bytes ? milliseconds{0} : first_draw;
  if (now < (drawn_ ? last_drawn_ + between_draws : first)) return;
  last_drawn_ = now;
  draw(progress_line(label_, state_, columns()));
}

void ProgressBar::draw(const std::string& line) {
  drawn_ = true;
  to_terminal(fmt::format("{}{}", clear_line, line));
}

void ProgressBar::finish() {
  if (!drawn_) return;
  const milliseconds time = elapsed();
  // The last report may have come a little before the end.
  const std::uint64_t bytes = std::max(state_.done, state_.total);
  const double rate =
      static_cast<double>(bytes) * 1000 / static_cast<double>(std::max<std::int64_t>(1, time.count()));
  std::string line = fmt::format("{}: {} in {} ({}/s)", label_, bytes_text(bytes), duration_text(time),
                                 bytes_text(static_cast<std::uint64_t>(rate)));
  line.resize(std::min<std::size_t>(line.size(), columns()));
  draw(line + "\n");
  drawn_ = false;
}

std::int32_t ProgressBar::on_progress(void* user, std::uint64_t done, std::uint64_t total, const char*) {
  static_cast<ProgressBar*>(user)->report(done, total);
  return 0;
}

}  // namespace kachery::cli
