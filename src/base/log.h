// One line per event, to stderr.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

namespace kachery {

enum class LogLevel { error = 0, warning = 1, info = 2, debug = 3 };

// How lines look: plain with a time of day on a terminal or in a file; with a `<N>` priority and no time
// when stderr is the journal (JOURNAL_STREAM is set).
enum class LogStyle { plain, journal };

// Lines above `level` are dropped. Default: warning, plain.
void set_log(LogLevel level, LogStyle style);
LogLevel log_level();

// `text` with control characters, backslashes and invalid UTF-8 escaped (\n, \x1b, ...) and cut at
// `max_bytes`: for whatever a peer, client or file supplied.
std::string escaped(std::string_view text, std::size_t max_bytes = 300);

void write_log(LogLevel level, std::string_view line);

template <class... Args>
void log_at(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (level <= log_level()) write_log(level, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  log_at(LogLevel::error, format, std::forward<Args>(args)...);
}
template <class... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  log_at(LogLevel::warning, format, std::forward<Args>(args)...);
}
template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log_at(LogLevel::info, format, std::forward<Args>(args)...);
}
template <class... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
  log_at(LogLevel::debug, format, std::forward<Args>(args)...);
}

}  // namespace kachery
