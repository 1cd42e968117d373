#include "store/clean_up.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/unique_fd.h"

namespace kachery {
namespace {

constexpr std::int64_t rubbish_age_s = 60;

// store.file.<10 letters>.tmp
bool left_by_reference(std::string_view name) {
  constexpr std::string_view prefix = "store.file.";
  constexpr std::string_view suffix = ".tmp";
  if (name.size() != prefix.size() + 10 + suffix.size()) return false;
  if (!name.starts_with(prefix) || !name.ends_with(suffix)) return false;
  const std::string_view letters = name.substr(prefix.size(), 10);
  return std::all_of(letters.begin(), letters.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
}

bool abandoned(const struct stat& status, std::int64_t now_s, std::int64_t max_age_s) {
  return S_ISREG(status.st_mode) && now_s - status.st_mtim.tv_sec >= max_age_s;
}

}  // namespace

std::uint64_t remove_if_abandoned(Env& env, const std::string& path, std::int64_t now_s,
                                  std::int64_t max_age_s) {
  struct stat status {};
  if (env.lstat(path, status) < 0 || !abandoned(status, now_s, max_age_s)) return 0;
  const UniqueFd fd(env.open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW, 0));
  if (!fd || env.try_lock(fd.get()) < 0) return 0;
  struct stat opened {};
  if (env.fstat(fd.get(), opened) < 0 || !abandoned(opened, now_s, max_age_s)) return 0;
  // Whoever takes a file of this name into use locks it first, so it is still the one that was opened.
  if (env.lstat(path, status) < 0 || status.st_ino != opened.st_ino || status.st_dev != opened.st_dev) {
    return 0;
  }
  if (env.unlink(path) < 0) return 0;
  log_info("removed {}, left by a process that ended", escaped(path));
  return opened.st_nlink == 1 ? static_cast<std::uint64_t>(opened.st_blocks) * 512 : 0;
}

void remove_rubbish(const Store& store, std::int64_t now_s) {
  Env& env = store.env();
  std::vector<std::string> names;
  env.list(store.temporary_dir(), names);
  for (const std::string& name : names) {
    remove_if_abandoned(env, store.temporary_dir() + "/" + name, now_s, rubbish_age_s);
  }
  names.clear();
  env.list(store.root(), names);
  for (const std::string& name : names) {
    if (left_by_reference(name)) {
      remove_if_abandoned(env, store.root() + "/" + name, now_s, rubbish_age_s);
    }
  }
}

}  // namespace kachery
