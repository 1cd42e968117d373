#include "daemon/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kachery::daemon {
namespace {

using ::testing::HasSubstr;

Options accepted(std::vector<std::string> arguments) {
  const CommandLine line = parse_command_line(std::move(arguments));
  EXPECT_TRUE(line.options) << line.text;
  return line.options.value_or(Options());
}

void expect_refusal(std::vector<std::string> arguments, const char* reason) {
  const CommandLine line = parse_command_line(std::move(arguments));
  EXPECT_FALSE(line.options) << reason;
  EXPECT_EQ(line.exit_code, 2) << reason;
  EXPECT_THAT(line.text, HasSubstr(reason));
}

TEST(Options, NeedOnlyALabel) {
  const Options options = accepted({"--label", "alice"});
  EXPECT_EQ(options.label, "alice");
  EXPECT_FALSE(options.is_bootstrap);
  EXPECT_FALSE(options.port);
  EXPECT_FALSE(options.host);
  EXPECT_FALSE(options.static_config);
  expect_refusal({}, "--label is missing");
  expect_refusal({"start"}, "--label is missing");
}

TEST(Options, AreTheSameAfterStart) {
  const Options options = accepted({"start", "--label", "a.b-c", "--http-port", "14507", "--isbootstrap",
                                    "--host", "203.0.113.5", "--verbose", "2", "--noudp", "--nomulticast",
                                    "--static-config", "x.yaml", "--auth-group", "staff"});
  EXPECT_EQ(options.label, "a.b-c");
  EXPECT_EQ(options.port, 14507);
  EXPECT_TRUE(options.is_bootstrap);
  EXPECT_EQ(options.host, "203.0.113.5");
  EXPECT_EQ(options.verbose, 2u);
  EXPECT_TRUE(options.no_udp);
  EXPECT_TRUE(options.no_multicast);
  EXPECT_EQ(options.static_config, "x.yaml");
  EXPECT_EQ(options.auth_group, "staff");
}

TEST(Options, TakeEqualsSignsToo) {
  const Options options = accepted({"--label=alice", "--port=1", "--public-url=https://example.org/base"});
  EXPECT_EQ(options.port, 1);
  EXPECT_EQ(options.public_url, "https://example.org/base");
}

TEST(Options, TakeZeroForNoPort) {
  const Options options =
      accepted({"start", "--label", "a", "--http-port", "0", "--udp-port", "0", "--websocket-port", "0"});
  EXPECT_FALSE(options.port);
  EXPECT_FALSE(options.udp_port);
  EXPECT_FALSE(options.websocket_port);
}

TEST(Options, RefuseWhatIsNoPort) {
  for (const char* port : {"65536", "99999999999999999999", "x", "1x", "1.5", " 1", "0x10"}) {
    expect_refusal({"--label", "a", "--port", port}, "--port must be a port from 1 to 65535");
    expect_refusal({"--label", "a", "--udp-port", port}, "--udp-port must be");
    expect_refusal({"--label", "a", "--websocket-port", port}, "--websocket-port must be");
  }
  expect_refusal({"--label", "a", "--port", "-1"}, "--port");
}

TEST(Options, RefuseBadNames) {
  expect_refusal({"--label", "with space"}, "--label");
  expect_refusal({"--label", std::string(21, 'a')}, "--label");
  expect_refusal({"--label", "a..b"}, "--label");
  expect_refusal({"--label", "a", "--host", "[::1]"}, "--host");
  expect_refusal({"--label", "a", "--host", "a b"}, "--host");
  expect_refusal({"--label", "a", "--public-url", "example.org"}, "--public-url");
}

TEST(Options, RefuseWhatDoesNotGoTogether) {
  expect_refusal({"--label", "a", "--noudp", "--udp-port", "5"}, "--noudp");
}

TEST(Options, RefuseUnknownOnes) {
  expect_refusal({"--label", "a", "--unheard-of"}, "--unheard-of");
  expect_refusal({"--label", "a", "stray"}, "stray");
  expect_refusal({"--label"}, "--label");
  expect_refusal({"--label", "a", "--verbose", "loud"}, "--verbose");
}

TEST(Options, RefusalsNeverRepeatControlCharacters) {
  const CommandLine line = parse_command_line({"--label", "a\x1b[31m"});
  EXPECT_EQ(line.text.find('\x1b'), std::string::npos);
}

TEST(Options, HelpNamesEveryOption) {
  const CommandLine line = parse_command_line({"--help"});
  EXPECT_FALSE(line.options);
  EXPECT_EQ(line.exit_code, 0);
  for (const char* option : {"--label", "--port", "--http-port", "--host", "--public-url", "--isbootstrap",
                             "--static-config", "--auth-group", "--verbose", "--udp-port", "--websocket-port",
                             "--noudp", "--nomulticast", "--version", "KACHERY_STORAGE_DIR"}) {
    EXPECT_THAT(line.text, HasSubstr(option));
  }
  EXPECT_EQ(parse_command_line({"start", "--help"}).text, line.text);
}

TEST(Options, VersionIsThatOfTheProtocolsForm) {
  const CommandLine line = parse_command_line({"--version"});
  EXPECT_EQ(line.exit_code, 0);
  EXPECT_THAT(line.text, ::testing::MatchesRegex("kachery-p2p-[0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

}  // namespace
}  // namespace kachery::daemon
