#include "daemon/small_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace kachery::daemon {
namespace {

class SmallFileTest : public ::testing::Test {
 protected:
  SmallFileTest() {
    std::string name = (std::filesystem::temp_directory_path() / "kachery-small-XXXXXX").string();
    directory = ::mkdtemp(name.data());
  }
  ~SmallFileTest() override { std::filesystem::remove_all(directory); }
  mode_t mode_of(const std::string& path) {
    struct stat st {};
    EXPECT_EQ(::stat(path.c_str(), &st), 0);
    return st.st_mode & 07777;
  }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(directory), std::filesystem::directory_iterator()));
  }
  std::string directory;
};

TEST_F(SmallFileTest, HasContentAndModeWhateverTheUmask) {
  const mode_t before = ::umask(077);
  EXPECT_TRUE(replace_file(directory + "/a", "one", 0640, {}));
  ::umask(before);
  EXPECT_EQ(read_file(directory + "/a", 10), "one");
  EXPECT_EQ(mode_of(directory + "/a"), 0640u);
}

TEST_F(SmallFileTest, ReplacesWithoutLeavingAnythingElse) {
  EXPECT_TRUE(replace_file(directory + "/a", "a longer text", 0644, {}));
  EXPECT_TRUE(replace_file(directory + "/a", "two", 0600, ::getgid()));
  EXPECT_EQ(read_file(directory + "/a", 10), "two");
  EXPECT_EQ(mode_of(directory + "/a"), 0600u);
  EXPECT_EQ(files(), 1u);
}

TEST_F(SmallFileTest, LeavesNothingWhenItFails) {
  std::filesystem::create_directory(directory + "/taken");
  EXPECT_FALSE(replace_file(directory + "/taken", "x", 0644, {}));
  EXPECT_EQ(files(), 1u);
  EXPECT_FALSE(replace_file(directory + "/missing/a", "x", 0644, {}));
}

TEST_F(SmallFileTest, ReadsRegularFilesUpToTheLimit) {
  ASSERT_TRUE(replace_file(directory + "/a", std::string(100'000, 'x'), 0644, {}));
  EXPECT_EQ(read_file(directory + "/a", 100'000)->size(), 100'000u);
  EXPECT_EQ(read_file(directory + "/a", 99'999).error().code, Errc::too_large);
  EXPECT_EQ(read_file(directory + "/b", 10).error().code, Errc::not_found);
  EXPECT_FALSE(read_file(directory, 10));
  EXPECT_FALSE(read_file("/dev/zero", 10));
}

TEST_F(SmallFileTest, KnowsGroups) {
  EXPECT_EQ(group_id("root"), 0u);
  EXPECT_FALSE(group_id("no such group here"));
}

}  // namespace
}  // namespace kachery::daemon
