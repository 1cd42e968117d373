#include "cli/output.h"

#include <gtest/gtest.h>

namespace kachery::cli {
namespace {

TEST(JsonQuoted, EscapesWhatJsonDemands) {
  EXPECT_EQ(json_quoted("a b/c"), "\"a b/c\"");
  EXPECT_EQ(json_quoted("q\" b\\ n\n t\t z\x01"), R"("q\" b\\ n\u000a t\u0009 z\u0001")");
  EXPECT_EQ(json_quoted("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x9f"),
            "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x9f\"");
}

TEST(JsonQuoted, ReplacesWhatIsNoUtf8) {
  const std::string bad = "\xef\xbf\xbd";
  EXPECT_EQ(json_quoted("a\xff"
                        "b"),
            "\"a" + bad + "b\"");
  EXPECT_EQ(json_quoted("\xc3"), "\"" + bad + "\"");                                // cut short
  EXPECT_EQ(json_quoted("\xc0\xaf"), "\"" + bad + bad + "\"");                      // overlong
  EXPECT_EQ(json_quoted("\xed\xa0\x80"), "\"" + bad + bad + bad + "\"");            // a surrogate
  EXPECT_EQ(json_quoted("\xf4\x90\x80\x80"), "\"" + bad + bad + bad + bad + "\"");  // beyond U+10FFFF
}

TEST(Printable, ShowsControlCharacters) {
  EXPECT_EQ(printable("plain \xc3\xa9"), "plain \xc3\xa9");
  EXPECT_EQ(printable("a\nb\x1b[31m\x7f"),
            "a\\x0a"
            "b\\x1b[31m\\x7f");
}

TEST(ExitStatus, IsTheStatusUpToSix) {
  EXPECT_EQ(exit_status(KACHERY_OK), 0);
  EXPECT_EQ(exit_status(KACHERY_ERROR_INVALID), 2);
  EXPECT_EQ(exit_status(KACHERY_ERROR_NOT_FOUND), 3);
  EXPECT_EQ(exit_status(KACHERY_ERROR_UNREACHABLE), 4);
  EXPECT_EQ(exit_status(KACHERY_ERROR_UNAUTHORIZED), 5);
  EXPECT_EQ(exit_status(KACHERY_ERROR_TIMED_OUT), 6);
  EXPECT_EQ(exit_status(KACHERY_ERROR_DAMAGED), 1);
  EXPECT_EQ(exit_status(KACHERY_ERROR_WRONG_DAEMON), 1);
  EXPECT_EQ(exit_status(-1), 1);
  EXPECT_EQ(exit_status(12345), 1);
}

}  // namespace
}  // namespace kachery::cli
