#include "base/log.h"

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <ctime>

namespace kachery {

namespace {

LogLevel g_level = LogLevel::warning;
LogStyle g_style = LogStyle::plain;

// syslog(3) priorities.
int priority_of(LogLevel level) {
  switch (level) {
    case LogLevel::error:
      return 3;
    case LogLevel::warning:
      return 4;
    case LogLevel::info:
      return 6;
    case LogLevel::debug:
      return 7;
  }
  return 7;
}

std::string time_of_day() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm local{};
  localtime_r(&seconds, &local);
  return fmt::format("{:02}:{:02}:{:02}.{:03}", local.tm_hour, local.tm_min, local.tm_sec, ms);
}

std::string_view word_for(LogLevel level) {
  switch (level) {
    case LogLevel::error:
      return "error: ";
    case LogLevel::warning:
      return "warning: ";
    case LogLevel::info:
    case LogLevel::debug:
      return "";
  }
  return "";
}

// Length of the valid UTF-8 sequence at the start of `s` that encodes U+0080 or above; 0 if there is none.
std::size_t multibyte_length(std::string_view s) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(s[i]); };
  const std::uint8_t lead = byte(0);
  const std::size_t n = lead >= 0xc2 && lead < 0xe0   ? 2
                        : lead >= 0xe0 && lead < 0xf0 ? 3
                        : lead >= 0xf0 && lead < 0xf5 ? 4
                                                      : 0;
  if (n == 0 || s.size() < n) return 0;
  for (std::size_t i = 1; i < n; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  if ((lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xed && byte(1) > 0x9f) ||
      (lead == 0xf0 && byte(1) < 0x90) || (lead == 0xf4 && byte(1) > 0x8f)) {
    return 0;
  }
  // C1 controls (U+0080-U+009F) move a terminal's cursor as well as C0 ones do.
  if (lead == 0xc2 && byte(1) < 0xa0) return 0;
  return n;
}

}  // namespace

void set_log(LogLevel level, LogStyle style) {
  g_level = level;
  g_style = style;
}

LogLevel log_level() {
  return g_level;
}

std::string escaped(std::string_view text, std::size_t max_bytes) {
  std::string out;
  while (!text.empty()) {
    if (out.size() >= max_bytes) {
      out += "...";
      break;
    }
    const char c = text.front();
    std::size_t taken = 1;
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\\') {
      out += "\\\\";
    } else if (c >= 0x20 && c < 0x7f) {
      out += c;
    } else if (const std::size_t n = multibyte_length(text); n > 0) {
      out += text.substr(0, n);
      taken = n;
    } else {
      out += fmt::format("\\x{:02x}", static_cast<std::uint8_t>(c));
    }
    text.remove_prefix(taken);
  }
  return out;
}

void write_log(LogLevel level, std::string_view line) {
  const std::string text = g_style == LogStyle::journal
                               ? fmt::format("<{}>{}\n", priority_of(level), line)
                               : fmt::format("{} {}{}\n", time_of_day(), word_for(level), line);
  // One write per line, so that lines of several processes do not mix; a closed stderr is nobody's loss.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace kachery
