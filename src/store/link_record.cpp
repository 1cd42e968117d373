#include "store/link_record.h"

#include <cmath>

#include "base/limits.h"
#include "codec/json.h"

namespace kachery {

std::string LinkRecord::text() const {
  return Json::object({{"path", path},
                       {"manifestSha1", manifest ? Json(manifest->hex()) : Json()},
                       {"stat", Json::object({{"size", size}, {"mtime", mtime}})},
                       {"_writingProcess", "kachery-p2p"}})
      .text();
}

Result<LinkRecord> LinkRecord::parse(std::string_view text) {
  auto json = Json::parse(text);
  if (!json) return fail(Errc::damaged, "a link record must be JSON: {}", json.error().message);
  LinkRecord record;
  record.path = (*json)["path"].string();
  if (record.path.empty() || record.path.front() != '/' || record.path.find('\0') != std::string::npos) {
    return fail(Errc::damaged, "the path of a link record must be absolute");
  }
  const Json status = (*json)["stat"];
  const auto size = status["size"].integer();
  if (!size || *size < 0) return fail(Errc::damaged, "a link record must have a size");
  record.size = static_cast<std::uint64_t>(*size);
  if (!status["mtime"].is_number()) return fail(Errc::damaged, "a link record must have an mtime");
  record.mtime = status["mtime"].number();
  for (const char* name : {"manifestSha1", "manifest_hash"}) {
    if (!record.manifest) record.manifest = Sha1::parse((*json)[name].string());
  }
  return record;
}

bool LinkRecord::fits(const struct stat& status) const {
  constexpr double tolerance_s = 0.002;
  return status.st_size >= 0 && static_cast<std::uint64_t>(status.st_size) == size &&
         std::abs(mtime_of(status) - mtime) <= tolerance_s;
}

double mtime_of(const struct stat& status) {
  return static_cast<double>(status.st_mtim.tv_sec) + static_cast<double>(status.st_mtim.tv_nsec) / 1e9;
}

}  // namespace kachery
