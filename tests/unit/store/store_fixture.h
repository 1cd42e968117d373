// What tests of the store share: a directory of their own, the vectors' bytes, and a look at what is stored.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "codec/file_key.h"
#include "crypto/sha1.h"
#include "store/manifest.h"
#include "store/store.h"
#include "store/writer.h"

namespace kachery::testing {

namespace fs = std::filesystem;

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = fs::temp_directory_path().string() + "/kachery-test-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
    path_ = fs::canonical(path_).string();
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

// The byte rule of the golden vectors; `seed` makes other contents.
inline std::string vector_bytes(std::size_t size, std::size_t seed = 0) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<char>((7 * i + 13 * (i >> 8) + 31 * (i >> 16) + seed) & 255);
  }
  return bytes;
}

inline void write_bytes(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

inline std::string read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::string read_open(const OpenFile& file) {
  std::string bytes(file.length, '\0');
  const ssize_t n = ::pread(file.fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(file.offset));
  bytes.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
  return bytes;
}

inline void set_mtime(const std::string& path, std::int64_t seconds, long nanoseconds = 0) {
  const struct timespec times[2] = {{seconds, nanoseconds}, {seconds, nanoseconds}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW), 0) << path;
}

inline mode_t mode_of(const std::string& path) {
  struct stat status {};
  ::stat(path.c_str(), &status);
  return status.st_mode & 07777;
}

inline FileKey key_of(const Sha1& sha1) {
  return FileKey{sha1, std::nullopt, std::nullopt};
}

// Names of the files below `directory`, relative to it.
inline std::vector<std::string> files_below(const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (!entry.is_directory()) names.push_back(entry.path().lexically_relative(directory).string());
  }
  return names;
}

// Every file below sha1/ has the hash that its name says, and no big file lacks its manifest.
inline void expect_whole(const std::string& root) {
  const Manifest nothing;
  for (const std::string& name : files_below(root + "/sha1")) {
    if (name.ends_with(".link")) continue;
    const std::string bytes = read_bytes(root + "/sha1/" + name);
    FileAndChunkHasher hasher;
    hasher.update(bytes);
    const auto digests = hasher.finish();
    EXPECT_EQ(fs::path(name).filename().string(), digests.file.hex());
    if (!wants_manifest(bytes.size())) continue;
    const std::string hex = sha1_of(manifest_of(digests).text()).hex();
    EXPECT_TRUE(fs::exists(root + "/sha1/" + hex.substr(0, 2) + "/" + hex.substr(2, 2) + "/" +
                           hex.substr(4, 2) + "/" + hex))
        << "a big file without its manifest";
  }
}

class StoreTest : public ::testing::Test {
 protected:
  Store open_store(Env& env = posix_env()) {
    auto store = Store::open(env, root());
    if (!store) {
      ADD_FAILURE() << store.error().message;
      std::abort();
    }
    return *store;
  }

  void SetUp() override { fs::create_directory(root()); }
  std::string root() const { return directory_ / "storage"; }
  std::string file(std::string_view name) const { return directory_ / name; }

  TemporaryDirectory directory_;
};

}  // namespace kachery::testing
