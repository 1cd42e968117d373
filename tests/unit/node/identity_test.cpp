#include "node/identity.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace kachery {
namespace {

namespace fs = std::filesystem;

class IdentityTest : public ::testing::Test {
 protected:
  IdentityTest() {
    std::string pattern = ::testing::TempDir() + "identityXXXXXX";
    root_ = ::mkdtemp(pattern.data());
    fs::create_directory(storage());
  }
  ~IdentityTest() override { fs::remove_all(root_); }
  std::string storage() const { return root_ + "/storage"; }
  std::string config() const { return root_ + "/some/config"; }
  static std::string text_of(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static void write(const std::string& path, const std::string& text, mode_t mode = 0600) {
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
  }
  static mode_t mode_of(const std::string& path) {
    struct stat st {};
    EXPECT_EQ(::stat(path.c_str(), &st), 0);
    return st.st_mode & 07777;
  }
  std::string root_;
};

TEST_F(IdentityTest, IsMadeOnceInTheConfigDirectoryAndPrivate) {
  const auto first = open_identity(storage(), config());
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->directory, config());
  EXPECT_EQ(mode_of(config() + "/private.pem"), 0600u);
  EXPECT_EQ(mode_of(config()), 0700u);
  const auto second = open_identity(storage(), config());
  ASSERT_TRUE(second);
  EXPECT_EQ(first->key.public_key(), second->key.public_key());
  EXPECT_FALSE(fs::exists(storage() + "/private.pem"));
}

TEST_F(IdentityTest, ThePairOfTheStorageDirectoryComesFirst) {
  const KeyPair key = KeyPair::generate();
  write(storage() + "/private.pem", key.private_pem());
  write(storage() + "/public.pem", key.public_pem());
  write(config() + "/private.pem", KeyPair::generate().private_pem());
  const auto identity = open_identity(storage(), config());
  ASSERT_TRUE(identity) << identity.error().message;
  EXPECT_EQ(identity->key.public_key(), key.public_key());
  EXPECT_EQ(identity->directory, storage());
}

TEST_F(IdentityTest, APrivateKeyThatOthersCanReadIsRefused) {
  for (const mode_t mode : {0640u, 0604u, 0660u}) {
    write(config() + "/private.pem", KeyPair::generate().private_pem(), mode);
    const auto identity = open_identity(storage(), config());
    ASSERT_FALSE(identity);
    EXPECT_EQ(identity.error().code, Errc::unauthorized);
    EXPECT_NE(identity.error().message.find("chmod 600"), std::string::npos);
  }
}

TEST_F(IdentityTest, HalfAWrongOrDamagedPairIsRefusedAndLeftAlone) {
  const KeyPair key = KeyPair::generate();
  write(config() + "/public.pem", key.public_pem());
  EXPECT_EQ(open_identity(storage(), config()).error().code, Errc::not_found);
  EXPECT_FALSE(fs::exists(config() + "/private.pem"));
  write(config() + "/private.pem", KeyPair::generate().private_pem());
  EXPECT_EQ(open_identity(storage(), config()).error().code, Errc::damaged);
  write(config() + "/private.pem", "rubbish");
  EXPECT_FALSE(open_identity(storage(), config()));
  EXPECT_EQ(text_of(config() + "/private.pem"), "rubbish");
  write(config() + "/private.pem", std::string(100'000, 'x'));
  EXPECT_FALSE(open_identity(storage(), config()));
}

TEST_F(IdentityTest, AKeyThatIsNoFileDoesNotHang) {
  fs::create_directories(config());
  ASSERT_EQ(::mkfifo((config() + "/private.pem").c_str(), 0600), 0);
  EXPECT_EQ(open_identity(storage(), config()).error().code, Errc::invalid);
}

TEST_F(IdentityTest, ALockedDirectoryNamesItsOwner) {
  auto lock = DirectoryLock::acquire(storage(), "daemon.lock", "alice, process 12, port 20431");
  ASSERT_TRUE(lock);
  const auto second = DirectoryLock::acquire(storage(), "daemon.lock", "bob");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::busy);
  EXPECT_NE(second.error().message.find("alice, process 12, port 20431"), std::string::npos);
  lock = fail(Errc::internal, "released");
  EXPECT_TRUE(DirectoryLock::acquire(storage(), "daemon.lock", "bob"));
}

}  // namespace
}  // namespace kachery
