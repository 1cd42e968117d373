#include "cli/progress_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace kachery::cli {

namespace {

constexpr milliseconds smoothing{3'000};
constexpr milliseconds shortest_measure{300};
constexpr unsigned widest_bar = 40;
constexpr unsigned narrowest_bar = 8;

std::string bar(unsigned width, std::uint64_t done, std::uint64_t total) {
  const double part = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  const auto filled = static_cast<std::size_t>(part * static_cast<double>(width));
  std::string out(filled, '=');
  if (filled < width) out += '>';
  out.resize(width, ' ');
  return fmt::format("[{}]", out);
}

std::string joined(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) {
    if (!out.empty()) out += "  ";
    out += part;
  }
  return out;
}

}  // namespace

std::string bytes_text(std::uint64_t bytes) {
  constexpr std::array units = {"kB", "MB", "GB", "TB", "PB", "EB"};
  if (bytes < 1000) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1000;
  std::size_t unit = 0;
  // 999.95 would be written as 1000.0.
  while (value >= 999.95 && unit + 1 < units.size()) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, units[unit]);
}

std::string duration_text(milliseconds time) {
  const std::int64_t seconds = (std::max<std::int64_t>(time.count(), 0) + 999) / 1000;
  const std::int64_t minutes = seconds / 60;
  if (minutes < 60) return fmt::format("{}:{:02}", minutes, seconds % 60);
  return fmt::format("{}:{:02}:{:02}", minutes / 60, minutes % 60, seconds % 60);
}

void RateMeter::report(milliseconds now, std::uint64_t done) {
  if (!started_ || done < last_done_) {
    *this = RateMeter();
    started_ = true;
    last_ = now;
    last_done_ = done;
    return;
  }
  const milliseconds passed = now - last_;
  if (passed.count() <= 0) return;
  const double rate = static_cast<double>(done - last_done_) * 1000 / static_cast<double>(passed.count());
  measured_ += passed;
  // The plain average at first, then one that forgets.
  const double window = static_cast<double>(std::min(measured_, smoothing).count());
  const double weight = std::min(1.0, static_cast<double>(passed.count()) / window);
  rate_ += weight * (rate - rate_);
  last_ = now;
  last_done_ = done;
}

std::optional<double> RateMeter::bytes_per_second() const {
  if (measured_ < shortest_measure) return std::nullopt;
  return rate_;
}

std::string progress_line(const std::string& label, const ProgressState& state, unsigned columns) {
  std::string rate;
  std::string left;
  if (state.bytes_per_second) {
    rate = bytes_text(static_cast<std::uint64_t>(*state.bytes_per_second)) + "/s";
    const std::uint64_t missing = state.total > state.done ? state.total - state.done : 0;
    const double seconds =
        *state.bytes_per_second > 0 ? static_cast<double>(missing) / *state.bytes_per_second : 1e9;
    if (state.total > 0 && seconds < 360'000) {
      left = duration_text(milliseconds(static_cast<std::int64_t>(seconds * 1000))) + " left";
    }
  }
  std::string percent;
  std::string amount = bytes_text(state.done);
  if (state.total > 0) {
    const double part = 100 * static_cast<double>(state.done) / static_cast<double>(state.total);
    percent = fmt::format("{:3}%", static_cast<int>(std::min(100.0, std::floor(part))));
    amount += " of " + bytes_text(state.total);
  }
  // By importance; whatever no longer fits is left out.
  std::vector<std::string> parts;
  const auto add = [&parts, columns](std::string part) {
    if (part.empty()) return;
    parts.push_back(std::move(part));
    if (joined(parts).size() > columns) parts.pop_back();
  };
  add(percent);
  add(amount);
  add(rate);
  add(left);
  const std::size_t used = joined(parts).size();
  if (parts.empty()) return {};
  if (!percent.empty() && parts.front() == percent && used + narrowest_bar + 4 <= columns) {
    const auto room = static_cast<unsigned>(columns - used - 4);
    const bool named = room >= narrowest_bar + 2 + label.size();
    const unsigned width = named ? room - static_cast<unsigned>(label.size()) - 2 : room;
    parts.insert(parts.begin(), bar(std::min(width, widest_bar), state.done, state.total));
    if (named) parts.insert(parts.begin(), label);
  } else if (used + 2 + label.size() <= columns) {
    parts.insert(parts.begin(), label);
  }
  return joined(parts);
}

}  // namespace kachery::cli
