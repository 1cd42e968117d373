// The commands as programs: what they print, and how they exit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "run_command.h"

extern "C" {
#include "fake_daemon.h"
#include "workspace.h"
}

namespace kachery::cli {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;

constexpr const char* hello_uri = "sha1://aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d";
constexpr const char* absent_uri = "sha1://0123456789012345678901234567890123456789";

fake_step step(const char* request, int status, const char* body) {
  fake_step out{};
  out.request = request;
  out.status = status;
  out.body = body;
  return out;
}

// Answered by a head and then silence.
fake_step hanging_step(const char* request) {
  fake_step out = step(request, 200, "");
  out.piece = 1;
  out.hang = 1;
  return out;
}

class Commands : public testing::Test {
 protected:
  ~Commands() override {
    if (fake_started_) fake_stop(&fake_);
    workspace_remove(dir_);
  }

  std::string in_dir(const std::string& name) const { return std::string(dir_) + "/" + name; }
  std::string file_with(const std::string& name, const std::string& content) const {
    write_file(in_dir(name).c_str(), content.data(), content.size());
    return in_dir(name);
  }

  void go_offline() {
    ::mkdir(in_dir("store").c_str(), 0755);
    environment_ = {{"KACHERY_OFFLINE_STORAGE_DIR", in_dir("store")}};
  }
  void start(std::vector<fake_step> steps, const char* channels = nullptr) {
    steps_ = std::move(steps);
    fake_start(&fake_, channels, steps_.data(), steps_.size());
    fake_started_ = true;
    environment_ = {{"KACHERY_STORAGE_DIR", fake_.dir},
                    {"KACHERY_P2P_API_HOST", "127.0.0.1"},
                    {"KACHERY_P2P_API_PORT", fake_.port}};
  }

  Outcome run(const std::vector<std::string>& arguments) const {
    return run_program("kachery-p2p", arguments);
  }
  Outcome run_program(const std::string& name, const std::vector<std::string>& arguments) const {
    return Running(std::string(KACHERY_BIN) + "/" + name, arguments, environment_).wait();
  }

  char* dir_ = workspace_new();
  std::map<std::string, std::string> environment_;
  std::vector<fake_step> steps_;
  fake_daemon fake_{};
  bool fake_started_ = false;
};

// ---- usage

const std::vector<std::string> all_commands = {"store",     "link",         "load",          "cat",
                                               "find",      "join-channel", "leave-channel", "get-channels",
                                               "node-info", "start-daemon", "stop-daemon",   "version"};

TEST_F(Commands, EveryCommandHasHelpWithAnExampleAndTheExitStatuses) {
  for (const std::string& command : all_commands) {
    const Outcome help = run({command, "--help"});
    EXPECT_EQ(help.status, 0) << command;
    EXPECT_EQ(help.err, "") << command;
    EXPECT_THAT(help.out, HasSubstr("Usage: kachery-p2p " + command)) << command;
    EXPECT_THAT(help.out, HasSubstr("Example:\n  kachery-p2p " + command)) << command;
    EXPECT_THAT(help.out, HasSubstr("4 daemon not reachable")) << command;
    EXPECT_EQ(run_program("kachery-p2p-" + command, {"--help"}).out, help.out) << command;
  }
}

TEST_F(Commands, LongNamesAreTheSameCommands) {
  for (const std::string command : {"store", "link", "load", "cat", "find"}) {
    const Outcome help = run({command, "--help"});
    EXPECT_EQ(run({command + "-file", "--help"}).status, 0);
    EXPECT_THAT(run_program("kachery-p2p-" + command + "-file", {"--help"}).out, HasSubstr("Example:"));
  }
}

TEST_F(Commands, TheProgramListsItsCommands) {
  const Outcome help = run({"--help"});
  EXPECT_EQ(help.status, 0);
  for (const std::string& command : all_commands) EXPECT_THAT(help.out, HasSubstr("  " + command));
}

TEST_F(Commands, WrongUsageExitsWithTwoAndOneLine) {
  const std::vector<std::vector<std::string>> wrong = {{},
                                                       {"frobnicate"},
                                                       {"--frobnicate"},
                                                       {"load"},
                                                       {"load", "a", "b"},
                                                       {"load", "--no-such-option", absent_uri},
                                                       {"cat", absent_uri, "--start", "-1"},
                                                       {"cat", absent_uri, "--end", "x"},
                                                       {"store"},
                                                       {"find", absent_uri, "--timeout", "0"},
                                                       {"start-daemon"},
                                                       {"load", "not-a-uri"},
                                                       {"store", "--label", "x", "a", "b"},
                                                       {"join-channel", "ftp://a.example/c"}};
  for (const auto& arguments : wrong) {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.status, 2) << testing::PrintToString(arguments);
    EXPECT_EQ(outcome.out, "") << testing::PrintToString(arguments);
    EXPECT_THAT(outcome.err, MatchesRegex("kachery-p2p[^\n]*: [^\n]+\n"))
        << testing::PrintToString(arguments);
  }
  EXPECT_THAT(run({"frobnicate"}).err, HasSubstr("frobnicate"));
  EXPECT_THAT(run({"load"}).err, StartsWith("kachery-p2p load: "));
  EXPECT_THAT(run_program("kachery-p2p-load", {}).err, StartsWith("kachery-p2p load: "));
}

TEST_F(Commands, TellsItsVersion) {
  EXPECT_THAT(
      run({"version"}).out,
      MatchesRegex("This is kachery-p2p version [0-9.]+ \\[protocol version kachery-p2p-0.7.0p\\]\\.\n"));
  EXPECT_THAT(run({"version", "--json"}).out,
              MatchesRegex("\\{\"version\":\"[0-9.]+\",\"protocolVersion\":\"kachery-p2p-0.7.0p\"\\}\n"));
}

TEST_F(Commands, BadSettingsAreWrongUsage) {
  environment_ = {{"KACHERY_P2P_API_PORT", "http"}};
  const Outcome outcome = run({"node-info"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.err, HasSubstr("KACHERY_P2P_API_PORT"));
}

// ---- offline

TEST_F(Commands, StoresLoadsAndCatsOffline) {
  go_offline();
  const std::string path = file_with("hello.txt", "hello");
  const Outcome stored = run({"store", path});
  EXPECT_EQ(stored.status, 0);
  EXPECT_EQ(stored.err, "");
  EXPECT_EQ(stored.out, std::string(hello_uri) + "/hello.txt\n");
  const Outcome loaded = run({"load", hello_uri});
  EXPECT_EQ(loaded.status, 0);
  EXPECT_THAT(loaded.out, MatchesRegex(in_dir("store") + "/sha1/aa/f4/c6/aaf4c61[0-9a-f]*\n"));
  EXPECT_EQ(run({"load", hello_uri, "--dest", in_dir("copy")}).out, in_dir("copy") + "\n");
  EXPECT_EQ(run({"cat", hello_uri}).out, "hello");
  EXPECT_EQ(run({"cat", hello_uri, "--start", "1", "--end", "3"}).out, "el");
  EXPECT_EQ(run({"cat", hello_uri, "--start", "3"}).out, "lo");
  const Outcome beyond = run({"cat", hello_uri, "--end", "6"});
  EXPECT_EQ(beyond.status, 2);
  EXPECT_EQ(beyond.out, "");
}

TEST_F(Commands, StoresSeveralFilesAndGoesOnAfterAFailure) {
  go_offline();
  const Outcome stored =
      run({"store", "--json", file_with("a \"1\"", "hello"), in_dir("absent"), file_with("b", "")});
  EXPECT_EQ(stored.status, 3);
  EXPECT_EQ(
      stored.out,
      "{\"path\":\"" + in_dir("a \\\"1\\\"") + "\",\"uri\":\"" + hello_uri +
          "/a \\\"1\\\"\",\"sha1\":\"aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d\",\"manifestSha1\":null}\n"
          "{\"path\":\"" +
          in_dir("b") +
          "\",\"uri\":\"sha1://da39a3ee5e6b4b0d3255bfef95601890afd80709/b\",\"sha1\":"
          "\"da39a3ee5e6b4b0d3255bfef95601890afd80709\",\"manifestSha1\":null}\n");
  EXPECT_THAT(stored.err, MatchesRegex("kachery-p2p store: [^\n]*absent[^\n]*\n"));
}

TEST_F(Commands, BigFilesHaveAManifestInTheirUri) {
  go_offline();
  const Outcome stored = run({"store", file_with("big", std::string(20'000'001, 'x'))});
  EXPECT_THAT(stored.out, ContainsRegex("^sha1://[0-9a-f]{40}/big\\?manifest=[0-9a-f]{40}\n$"));
}

TEST_F(Commands, LinksOffline) {
  go_offline();
  const std::string path = file_with("hello.txt", "hello");
  EXPECT_EQ(run({"link", path}).out, std::string(hello_uri) + "/hello.txt\n");
  EXPECT_EQ(run({"load", hello_uri}).out, path + "\n");
  EXPECT_EQ(run({"load", "--json", hello_uri}).out,
            "{\"uri\":\"" + std::string(hello_uri) + "\",\"path\":\"" + path + "\"}\n");
}

TEST_F(Commands, WhatIsAbsentExitsWithThree) {
  go_offline();
  for (const char* command : {"load", "cat"}) {
    const Outcome outcome = run({command, absent_uri});
    EXPECT_EQ(outcome.status, 3);
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, MatchesRegex("kachery-p2p (load|cat): [^\n]+\n"));
  }
}

TEST_F(Commands, SaysWhenTheResultCannotBeWritten) {
  if (::access("/dev/full", W_OK) != 0) GTEST_SKIP() << "no /dev/full here";
  go_offline();
  file_with("hello.txt", "hello");
  run({"store", in_dir("hello.txt")});
  for (const std::string command : {"load ", "cat "}) {
    const std::string line =
        std::string(KACHERY_BIN) + "/kachery-p2p " + command + hello_uri + " > /dev/full";
    const Outcome outcome = Running("/bin/sh", {"-c", line}, environment_).wait();
    EXPECT_EQ(outcome.status, 1);
    EXPECT_THAT(outcome.err, HasSubstr("No space left"));
  }
}

// ---- with a daemon

TEST_F(Commands, WithoutADaemonExitsWithFour) {
  start({});
  fake_stop(&fake_);
  fake_started_ = false;
  environment_["KACHERY_STORAGE_DIR"] = dir_;
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"node-info"}, {"get-channels"}, {"stop-daemon"}, {"find", absent_uri}, {"load", absent_uri}}) {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.status, 4) << arguments[0];
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, MatchesRegex("kachery-p2p [a-z-]+: [^\n]*start-daemon[^\n]*\n"));
  }
}

TEST_F(Commands, StoringWithoutADaemonSaysSo) {
  start({});
  fake_stop(&fake_);
  fake_started_ = false;
  environment_["KACHERY_STORAGE_DIR"] = dir_;
  const std::string path = file_with("hello.txt", "hello");
  const Outcome stored = run({"store", path});
  EXPECT_EQ(stored.status, 0);
  EXPECT_EQ(stored.out, std::string(hello_uri) + "/hello.txt\n");
  EXPECT_THAT(stored.err, MatchesRegex("kachery-p2p store: note: no daemon is running[^\n]*\n"));
  EXPECT_EQ(run({"store", "--quiet", path}).err, "");
}

TEST_F(Commands, ShowsTheNode) {
  start({});
  const Outcome info = run({"node-info"});
  EXPECT_EQ(info.status, 0);
  EXPECT_THAT(info.out, StartsWith("Node ID: " FAKE_NODE_ID "\n"));
  EXPECT_THAT(info.out, HasSubstr("Storage directory: " + std::string(fake_.dir) + "\n"));
  EXPECT_THAT(run({"node-info", "--json"}).out, StartsWith("{\"success\":true,"));
}

TEST_F(Commands, ListsChannelsWithRolesAndTroubles) {
  start({},
        "[{\"channelConfigUrl\":\"https://a.example/"
        "1\",\"isMessageProxy\":true,\"isDataProxy\":true,\"isPublic\":true,"
        "\"isAuthorized\":true,\"error\":null},"
        "{\"channelConfigUrl\":\"https://a.example/2\",\"isAuthorized\":false},"
        "{\"channelConfigUrl\":\"https://a.example/3\",\"error\":\"no YAML\\u001b[31m\"}]");
  const Outcome channels = run({"get-channels"});
  EXPECT_EQ(channels.status, 0);
  EXPECT_EQ(channels.out,
            "https://a.example/1 (message-proxy) (data-proxy) "
            "(public)\nhttps://a.example/2\nhttps://a.example/3\n");
  EXPECT_THAT(
      channels.err,
      MatchesRegex("[^\n]*example/2: [^\n]*authorizedNodes[^\n]*\n[^\n]*example/3: no YAML[^\n\x1b]*\n"));
  EXPECT_THAT(run({"get-channels", "--json"}).out, StartsWith("[{\"channelConfigUrl\":"));
}

TEST_F(Commands, JoinsAndLeaves) {
  const char* none = "{\"success\":true,\"found\":false,\"value\":\"\"}";
  const char* done = "{\"success\":true}";
  start({step("POST /mutable/get", 200, none), step("POST /mutable/set", 200, done),
         step("POST /mutable/get", 200, none), step("POST /mutable/set", 200, done),
         step("POST /mutable/get", 200, none)});
  const Outcome joined = run({"join-channel", "https://a.example/c", "--data-proxy", "--public"});
  EXPECT_EQ(joined.status, 0);
  EXPECT_EQ(joined.err, "");
  EXPECT_EQ(joined.out, "Joined channel https://a.example/c\n");
  EXPECT_THAT(fake_request(&fake_, 1),
              HasSubstr("\"isMessageProxy\":false,\"isDataProxy\":true,\"isPublic\":true"));

  const Outcome gist = run({"join-channel", "https://gist.githubusercontent.com/a/b/raw/0c1a/c.yaml"});
  EXPECT_EQ(gist.out, "Joined channel https://gist.githubusercontent.com/a/b/raw/c.yaml\n");
  EXPECT_THAT(gist.err, StartsWith("kachery-p2p join-channel: warning: "));

  const Outcome left = run({"leave-channel", "https://a.example/c"});
  EXPECT_EQ(left.status, 3);
  EXPECT_THAT(left.err, HasSubstr("https://a.example/c"));
}

TEST_F(Commands, FindPrintsAnObjectALine) {
  const std::string result = "{\"nodeId\":\"" FAKE_NODE_ID "\",\"fileKey\":{\"sha1\":\"x\"},\"fileSize\":5}";
  const std::string frames =
      std::to_string(result.size()) + "#" + result + std::to_string(result.size()) + "#" + result;
  start({step("POST /findFile", 200, frames.c_str()), step("POST /findFile", 200, "")});
  const Outcome found = run({"find", absent_uri, "--timeout", "1.5"});
  EXPECT_EQ(found.status, 0);
  EXPECT_EQ(found.out, result + "\n" + result + "\n");
  EXPECT_THAT(fake_request(&fake_, 0), HasSubstr("\"timeoutMsec\":1500"));
  EXPECT_EQ(run({"find", absent_uri}).status, 3);
}

TEST_F(Commands, RefusalsExitWithFive) {
  start({step("GET /halt", 403, "wrong code"), step("GET /halt", 403, "wrong code")});
  const Outcome outcome = run({"stop-daemon"});
  EXPECT_EQ(outcome.status, 5);
  EXPECT_EQ(outcome.err, "kachery-p2p stop-daemon: wrong code\n");
}

TEST_F(Commands, StalledLoadsExitWithSix) {
  const std::string error = "{\"type\":\"error\",\"error\":\"it stopped\",\"errorCode\":\"stalled\"}";
  const std::string frame = std::to_string(error.size()) + "#" + error;
  start({step("POST /loadFile", 200, frame.c_str())});
  const Outcome outcome = run({"load", absent_uri});
  EXPECT_EQ(outcome.status, 6);
  EXPECT_EQ(outcome.err, "kachery-p2p load: it stopped\n");
}

TEST_F(Commands, InterruptedLoadsExitWith130AndLeaveNothing) {
  for (const int signal : {SIGINT, SIGTERM}) {
    start({hanging_step("POST /loadFile")});
    ::mkdir(in_dir("out").c_str(), 0755);
    Running load(std::string(KACHERY_BIN) + "/kachery-p2p",
                 {"load", absent_uri, "--dest", in_dir("out/file")}, environment_);
    while (fake_requests(&fake_) == 0) ::usleep(1000);
    load.signal(signal);
    const Outcome outcome = load.wait();
    EXPECT_EQ(outcome.status, 128 + signal);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(outcome.err, "kachery-p2p load: cancelled\n");
    EXPECT_EQ(entries_of(in_dir("out").c_str()), 0);
    fake_stop(&fake_);
    fake_started_ = false;
  }
}

// ---- start-daemon

TEST_F(Commands, StartDaemonRunsTheDaemonBesideItWithItsOptions) {
  std::filesystem::copy_file(std::string(KACHERY_BIN) + "/kachery-p2p", in_dir("kachery-p2p"));
  const std::string daemon = file_with("kachery-p2p-daemon", "#!/bin/sh\nprintf '<%s>' \"$@\"\nexit 7\n");
  ::chmod(daemon.c_str(), 0755);
  const std::vector<std::string> arguments = {"start-daemon",
                                              "--label",
                                              "a b",
                                              "--isbootstrap",
                                              "--port=14507",
                                              "--verbose",
                                              "2",
                                              "--host",
                                              "h",
                                              "--public-url",
                                              "http://x",
                                              "--udp-port",
                                              "1",
                                              "--noudp",
                                              "--nomulticast",
                                              "--auth-group",
                                              "g",
                                              "--websocket-port",
                                              "3",
                                              "--static-config",
                                              "c.yaml"};
  const Outcome outcome = Running(in_dir("kachery-p2p"), arguments, {}).wait();
  EXPECT_EQ(outcome.status, 7);
  EXPECT_THAT(outcome.out, StartsWith("<start>"));
  for (const char* part :
       {"<--label><a b>", "<--isbootstrap>", "<--port><14507>", "<--verbose><2>", "<--host><h>",
        "<--public-url><http://x>", "<--udp-port><1>", "<--noudp>", "<--nomulticast>", "<--auth-group><g>",
        "<--websocket-port><3>", "<--static-config><c.yaml>"}) {
    EXPECT_THAT(outcome.out, HasSubstr(part));
  }
}

TEST_F(Commands, StartDaemonSaysWhenThereIsNone) {
  std::filesystem::copy_file(std::string(KACHERY_BIN) + "/kachery-p2p", in_dir("kachery-p2p"));
  const Outcome outcome =
      Running(in_dir("kachery-p2p"), {"start-daemon", "--label", "x"}, {{"PATH", dir_}}).wait();
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.err, MatchesRegex("kachery-p2p start-daemon: [^\n]*kachery-p2p-daemon[^\n]*\n"));
}

}  // namespace
}  // namespace kachery::cli
