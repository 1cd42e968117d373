#include "daemon/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace kachery::daemon {
namespace {

using ::testing::HasSubstr;

Result<Environment> read(std::map<std::string, std::string> variables) {
  return Environment::read([variables = std::move(variables)](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  });
}

TEST(Environment, HasDefaultsBelowHome) {
  const auto environment = read({{"HOME", "/home/a"}});
  ASSERT_TRUE(environment);
  EXPECT_EQ(environment->storage_dir, "/home/a/kachery-storage");
  EXPECT_TRUE(environment->storage_dir_is_default);
  EXPECT_EQ(environment->config_dir, "/home/a/.kachery-p2p");
  EXPECT_EQ(environment->api_host, "127.0.0.1");
  EXPECT_EQ(environment->api_port, 20431);
  EXPECT_EQ(environment->speedup, 1.0);
}

TEST(Environment, TakesWhatIsSet) {
  const auto environment = read({{"KACHERY_STORAGE_DIR", "/data/x/"},
                                 {"KACHERY_P2P_CONFIG_DIR", "/etc//k/../c"},
                                 {"KACHERY_P2P_API_HOST", "localhost"},
                                 {"KACHERY_P2P_API_PORT", "65535"},
                                 {"KACHERY_P2P_SPEEDUP_FACTOR", "2.5"}});
  ASSERT_TRUE(environment) << environment.error().message;
  EXPECT_EQ(environment->storage_dir, "/data/x");
  EXPECT_FALSE(environment->storage_dir_is_default);
  EXPECT_EQ(environment->config_dir, "/etc/c");
  EXPECT_EQ(environment->api_host, "localhost");
  EXPECT_EQ(environment->api_port, 65535);
  EXPECT_EQ(environment->speedup, 2.5);
}

TEST(Environment, MakesPathsAbsolute) {
  const auto environment = read({{"KACHERY_STORAGE_DIR", "some/where"}, {"HOME", "/h"}});
  ASSERT_TRUE(environment);
  EXPECT_EQ(environment->storage_dir.front(), '/');
  EXPECT_THAT(environment->storage_dir, ::testing::EndsWith("/some/where"));
}

TEST(Environment, TakesEmptyAsNotSet) {
  const auto environment = read({{"HOME", "/h"}, {"KACHERY_STORAGE_DIR", ""}, {"KACHERY_P2P_API_PORT", ""}});
  ASSERT_TRUE(environment);
  EXPECT_TRUE(environment->storage_dir_is_default);
  EXPECT_EQ(environment->api_port, 20431);
}

TEST(Environment, RefusesBadNumbers) {
  for (const char* port : {"0", "65536", "-1", "x", "80x", " 80"}) {
    const auto environment = read({{"HOME", "/h"}, {"KACHERY_P2P_API_PORT", port}});
    ASSERT_FALSE(environment) << port;
    EXPECT_THAT(environment.error().message, HasSubstr("KACHERY_P2P_API_PORT"));
  }
  for (const char* factor : {"0", "-1", "nan", "inf", "fast", "1e9"}) {
    EXPECT_FALSE(read({{"HOME", "/h"}, {"KACHERY_P2P_SPEEDUP_FACTOR", factor}})) << factor;
  }
}

TEST(Environment, SaysWhatToSetWithoutHome) {
  const auto environment = read({});
  ASSERT_FALSE(environment);
  EXPECT_THAT(environment.error().message, HasSubstr("KACHERY_STORAGE_DIR"));
}

TEST(ListenAddress, IsNumeric) {
  EXPECT_EQ(listen_address("localhost"), "127.0.0.1");
  EXPECT_EQ(listen_address("127.0.0.2"), "127.0.0.2");
  EXPECT_EQ(listen_address("0.0.0.0"), "0.0.0.0");
  EXPECT_EQ(listen_address("::1"), "::1");
  EXPECT_FALSE(listen_address("no host name"));
}

}  // namespace
}  // namespace kachery::daemon
