// The `.link` records of files that stay where their owner keeps them (protocol.md section 3).
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/ids.h"

namespace kachery {

struct LinkRecord {
  std::string path;  // absolute, without NUL
  std::optional<Sha1> manifest;
  std::uint64_t size = 0;
  double mtime = 0;  // seconds since the epoch

  std::string text() const;
  // Accepts `manifest_hash` for `manifestSha1`, and more members. Errc::damaged.
  static Result<LinkRecord> parse(std::string_view text);

  // Whether a file of that status is still the linked one: same size, and mtime within 2 ms (a float of
  // seconds does not hold nanoseconds).
  bool fits(const struct stat& status) const;
};

// Seconds since the epoch.
double mtime_of(const struct stat& status);

}  // namespace kachery
