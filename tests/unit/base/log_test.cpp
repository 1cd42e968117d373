#include "base/log.h"

#include <gtest/gtest.h>

namespace kachery {
namespace {

TEST(Escaped, KeepsPlainTextAndUtf8) {
  EXPECT_EQ(escaped("h\xc3\xa9llo 漢"), "h\xc3\xa9llo 漢");
}

TEST(Escaped, EscapesWhatCouldForgeALineOrMoveACursor) {
  EXPECT_EQ(escaped("a\nb\r\x1b[2J\\"), "a\\nb\\x0d\\x1b[2J\\\\");
  EXPECT_EQ(escaped("\xc2\x9b"), "\\xc2\\x9b");
  EXPECT_EQ(escaped(std::string_view("\0", 1)), "\\x00");
}

TEST(Escaped, EscapesInvalidUtf8) {
  EXPECT_EQ(escaped("\xff\xc3"), "\\xff\\xc3");
  EXPECT_EQ(escaped("\xed\xa0\x80"), "\\xed\\xa0\\x80");
}

TEST(Escaped, IsCut) {
  EXPECT_EQ(escaped("abcdef", 3), "abc...");
}

}  // namespace
}  // namespace kachery
