// cmocka.h's groups and checks on GoogleTest.
#include <gtest/gtest.h>

#include <cinttypes>
#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cmocka.h"
#include "cmocka_mocks.h"

namespace {

struct Group {
  CMFixtureFunction setup = nullptr;
  CMFixtureFunction teardown = nullptr;
  void* state = nullptr;
  bool started = false;
  bool broken = false;  // its setup failed
};

std::map<std::string, Group>& groups() {
  static std::map<std::string, Group> all;
  return all;
}

std::jmp_buf jump_target;

// Calls code of a test; false if a check ended it. Nothing here has a destructor: a longjmp passes through.
template <class Function>
bool completes(const Function& function) {
  if (setjmp(jump_target) != 0) return false;
  try {
    function();
  } catch (const CmStopTest&) {
    return false;
  }
  return true;
}

bool fixture_succeeds(CMFixtureFunction function, void** state, const char* what) {
  if (function == nullptr) return true;
  volatile int rc = -1;
  const bool completed = completes([&rc, function, state] { rc = function(state); });
  if (completed && rc != 0) ADD_FAILURE() << what << " returned " << rc;
  return completed && rc == 0;
}

class ShimTest : public testing::Test {
 public:
  explicit ShimTest(const CMUnitTest& test) : test_(test) {}

  static Group& group() {
    return groups().at(testing::UnitTest::GetInstance()->current_test_suite()->name());
  }

  static void TearDownTestSuite() {
    Group& mine = group();
    if (mine.started && !mine.broken) fixture_succeeds(mine.teardown, &mine.state, "the group's teardown");
  }

  void TestBody() override {
    // Here and not in SetUpTestSuite(), whose failure would have all tests skipped instead of failed.
    Group& mine = group();
    if (!mine.started) {
      mine.started = true;
      mine.broken = !fixture_succeeds(mine.setup, &mine.state, "the group's setup");
    }
    if (mine.broken) {
      ADD_FAILURE() << "the group's setup failed";
      return;
    }
    void* state = mine.state != nullptr ? mine.state : test_.initial_state;
    if (fixture_succeeds(test_.setup_func, &state, "setup")) {
      completes([this, &state] { test_.test_func(&state); });
      fixture_succeeds(test_.teardown_func, &state, "teardown");
    }
    cmocka_shim::finish_mocks(!HasFailure() && !IsSkipped());
  }

 private:
  CMUnitTest test_;
};

// GoogleTest's options come from the command line, which cmocka's main() does not hand on.
void initialize_once() {
  static bool done = false;
  if (done) return;
  done = true;
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  static std::vector<std::string> words;
  for (std::size_t at = 0; at < text.size(); at += words.back().size() + 1)
    words.emplace_back(text.c_str() + at);
  static std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  int argc = static_cast<int>(argv.size());
  argv.push_back(nullptr);
  testing::InitGoogleTest(&argc, argv.data());
}

// GoogleTest's patterns: * and ?.
bool matches(const char* pattern, const char* name) {
  if (*pattern == '\0') return *name == '\0';
  if (*pattern == '*') return matches(pattern + 1, name) || (*name != '\0' && matches(pattern, name + 1));
  return *name != '\0' && (*pattern == '?' || *pattern == *name) && matches(pattern + 1, name + 1);
}

bool matches_any(const std::string& patterns, const std::string& name) {
  for (std::size_t start = 0; start <= patterns.size();) {
    const std::size_t end = std::min(patterns.find(':', start), patterns.size());
    if (matches(patterns.substr(start, end - start).c_str(), name.c_str())) return true;
    start = end + 1;
  }
  return false;
}

bool selected(const std::string& filter, const std::string& name) {
  const std::size_t minus = filter.find('-');
  const std::string positive = filter.substr(0, minus);
  if (!matches_any(positive.empty() ? "*" : positive, name)) return false;
  return minus == std::string::npos || !matches_any(filter.substr(minus + 1), name);
}

std::string identifier(std::string text) {
  for (char& c : text) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return text.empty() ? "tests" : text;
}

std::string printable(const char* text) {
  return text == nullptr ? "NULL" : "\"" + std::string(text) + "\"";
}

}  // namespace

int cm_run_group(const char* name, const struct CMUnitTest* tests, size_t count, CMFixtureFunction setup,
                 CMFixtureFunction teardown) {
  initialize_once();
  static const std::string user_filter = GTEST_FLAG_GET(filter);

  std::string suite = identifier(name);
  for (int n = 2; groups().contains(suite); ++n) suite = identifier(name) + "_" + std::to_string(n);
  groups()[suite] = {setup, teardown, nullptr, false, false};

  // A program's second group must not run its first again.
  std::string filter;
  for (size_t i = 0; i < count; ++i) {
    const CMUnitTest test = tests[i];
    testing::RegisterTest(suite.c_str(), test.name, nullptr, nullptr, __FILE__, __LINE__,
                          [test]() -> ShimTest* { return new ShimTest(test); });
    const std::string full_name = suite + "." + test.name;
    if (selected(user_filter, full_name)) filter += (filter.empty() ? "" : ":") + full_name;
  }
  if (groups().size() > 1 || user_filter != "*") GTEST_FLAG_SET(filter, filter.empty() ? "-*" : filter);
  const int rc = RUN_ALL_TESTS();
  const int failed = testing::UnitTest::GetInstance()->failed_test_count();
  return rc != 0 && failed == 0 ? 1 : failed;
}

void cm_jump_out(void) {
  std::longjmp(jump_target, 1);
}

void cmocka_set_message_output(enum cm_message_output) {}
void cmocka_set_test_filter(const char*) {}
void cmocka_set_skip_filter(const char*) {}

void print_message(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::vprintf(format, arguments);
  va_end(arguments);
}

void print_error(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::vfprintf(stderr, format, arguments);
  va_end(arguments);
}

int cm_check_never(const char* file, int line, const char* format, ...) {
  char text[1000];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  ADD_FAILURE_AT(file, line) << text;
  return 0;
}

int cm_skip(const char* file, int line) {
  GTEST_MESSAGE_AT_(file, line, "skip()", testing::TestPartResult::kSkip);
  return 0;
}

int cm_check_true(int holds, const char* expression, const char* file, int line) {
  return holds != 0 ? 1 : cm_check_never(file, line, "does not hold: %s", expression);
}

int cm_check_return_code(int rc, int error, const char* expression, const char* file, int line) {
  if (rc >= 0) return 1;
  return cm_check_never(file, line, "%s is %d: %s", expression, rc, std::strerror(error));
}

int cm_check_int(LargestIntegralType a, LargestIntegralType b, int want_equal, const char* file, int line) {
  if ((a == b) == (want_equal != 0)) return 1;
  return cm_check_never(file, line, "%" PRIuMAX " (%#" PRIxMAX ") %s %" PRIuMAX " (%#" PRIxMAX ")", a, a,
                        want_equal != 0 ? "!=" : "==", b, b);
}

int cm_check_float(double a, double b, double epsilon, int want_equal, const char* file, int line) {
  if ((std::fabs(a - b) <= std::fabs(epsilon)) == (want_equal != 0)) return 1;
  return cm_check_never(file, line, "%g %s %g", a, want_equal != 0 ? "!=" : "==", b);
}

int cm_check_string(const char* a, const char* b, int want_equal, const char* file, int line) {
  const bool equal = a == b || (a != nullptr && b != nullptr && std::strcmp(a, b) == 0);
  if (equal == (want_equal != 0)) return 1;
  return cm_check_never(file, line, "%.450s %s %.450s", printable(a).c_str(),
                        want_equal != 0 ? "!=" : "==", printable(b).c_str());
}

int cm_check_memory(const void* a, const void* b, size_t size, int want_equal, const char* file, int line) {
  if ((size == 0 || std::memcmp(a, b, size) == 0) == (want_equal != 0)) return 1;
  size_t at = 0;
  const auto* x = static_cast<const unsigned char*>(a);
  const auto* y = static_cast<const unsigned char*>(b);
  while (at < size && x[at] == y[at]) ++at;
  if (at == size) return cm_check_never(file, line, "%zu bytes are the same", size);
  return cm_check_never(file, line, "byte %zu of %zu: 0x%02x != 0x%02x", at, size, x[at], y[at]);
}

int cm_check_range(LargestIntegralType value, LargestIntegralType minimum, LargestIntegralType maximum,
                   int want_inside, const char* file, int line) {
  if ((value >= minimum && value <= maximum) == (want_inside != 0)) return 1;
  return cm_check_never(file, line, "%" PRIuMAX " is %s %" PRIuMAX "-%" PRIuMAX, value,
                        want_inside != 0 ? "not within" : "within", minimum, maximum);
}

int cm_check_set(LargestIntegralType value, const LargestIntegralType* values, size_t count, int want_inside,
                 const char* file, int line) {
  bool inside = false;
  for (size_t i = 0; i < count; ++i) inside = inside || values[i] == value;
  if (inside == (want_inside != 0)) return 1;
  return cm_check_never(file, line, "%" PRIuMAX " is %s the set", value, want_inside != 0 ? "not in" : "in");
}
