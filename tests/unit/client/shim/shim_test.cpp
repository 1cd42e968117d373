// What the shim makes of failing checks: the report of a program whose tests fail on purpose.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <map>
#include <string>

namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

struct Outcome {
  std::string output;
  int status = -1;
};

Outcome run(const std::string& command) {
  Outcome out;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  std::array<char, 4096> buffer{};
  while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe))
    out.output.append(buffer.data(), got);
  const int status = ::pclose(pipe);
  out.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return out;
}

// The lines that fail, by the function that they are in.
std::map<std::string, int> failing_lines() {
  std::map<std::string, int> out;
  std::ifstream source(FAILING_SOURCE);
  std::string line;
  std::string function;
  for (int number = 1; std::getline(source, line); ++number) {
    if (line.starts_with("static ")) {
      const std::string head = line.substr(0, line.find('('));
      function = head.substr(head.rfind(' ') + 1);
    }
    if (line.find("/* FAILS HERE */") != std::string::npos) out[function] = number;
  }
  return out;
}

class Shim : public testing::TestWithParam<const char*> {
 protected:
  Outcome run_one(const std::string& filter) const {
    return run(std::string(GetParam()) + " --gtest_color=no '--gtest_filter=" + filter + "'");
  }
};

TEST_P(Shim, ReportsEveryFailingCheckWithItsLine) {
  std::map<std::string, int> lines = failing_lines();
  // Checks in helpers, by the test that calls them.
  lines["fails_check_expected"] = lines.extract("mocked").mapped();
  lines["fails_in_set_up"] = lines.extract("failing_set_up").mapped();
  lines["fails_in_tear_down"] = lines.extract("failing_tear_down").mapped();
  ASSERT_EQ(lines.size(), 12u);
  for (const auto& [test, line] : lines) {
    const Outcome outcome = run_one("failing." + test);
    EXPECT_EQ(outcome.status, 1) << test;
    EXPECT_THAT(outcome.output, HasSubstr("[  FAILED  ] failing." + test)) << test;
    EXPECT_THAT(outcome.output, ContainsRegex("failing\\.c:" + std::to_string(line) + ": Failure")) << test;
    EXPECT_THAT(outcome.output, Not(HasSubstr("ran on after a failure"))) << test;
  }
}

TEST_P(Shim, SaysWhatWasCompared) {
  EXPECT_THAT(run_one("failing.fails_assert_string_equal").output, HasSubstr("\"one\" != \"other\""));
  EXPECT_THAT(run_one("failing.fails_assert_int_equal").output, HasSubstr("1 (0x1) != 2 (0x2)"));
  EXPECT_THAT(run_one("failing.fails_assert_true").output, HasSubstr("1 == 2"));
  EXPECT_THAT(run_one("failing.fails_fail_msg").output, HasSubstr("number 7"));
  EXPECT_THAT(run_one("failing.fails_assert_return_code").output, HasSubstr("No such file"));
}

TEST_P(Shim, GoesOnAfterAFailureAndCountsThem) {
  const Outcome outcome = run(GetParam());
  EXPECT_THAT(outcome.output, HasSubstr("failed: 12 and "));
  EXPECT_THAT(outcome.output, HasSubstr("[       OK ] failing.passes"));
  EXPECT_THAT(outcome.output, HasSubstr("[  SKIPPED ] failing.skips"));
  EXPECT_THAT(outcome.output, HasSubstr("[  FAILED  ] broken.passes"));
  EXPECT_THAT(outcome.output, Not(HasSubstr("ran on after a failure")));
  EXPECT_GT(outcome.status, 12);
}

TEST_P(Shim, ListsEachTestOnce) {
  const Outcome outcome = run(std::string(GetParam()) + " --gtest_list_tests");
  EXPECT_THAT(outcome.output, HasSubstr("failing.\n  fails_assert_true\n"));
  const std::size_t first = outcome.output.find("  skips\n");
  ASSERT_NE(first, std::string::npos);
  EXPECT_EQ(outcome.output.find("  skips\n", first + 1), std::string::npos);
  EXPECT_THAT(outcome.output, HasSubstr("broken.\n  passes\n"));
}

INSTANTIATE_TEST_SUITE_P(Languages, Shim, testing::Values(FAILING_C, FAILING_CPP), [](const auto& parameter) {
  return std::string(parameter.index == 0 ? "C" : "Cpp");
});

}  // namespace
