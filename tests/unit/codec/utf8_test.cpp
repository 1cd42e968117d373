#include "codec/utf8.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace kachery {
namespace {

TEST(Utf8, AcceptsWhatRfc3629Does) {
  for (const std::string_view good :
       {"", "a", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
        "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(is_valid_utf8(good));
    EXPECT_EQ(repaired_utf8(good), good);
  }
}

TEST(Utf8, RefusesOverlongFormsSurrogatesAndFragments) {
  for (const std::string_view bad :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2g", "\xe0\x9f\xbf", "\xe2\x82", "\xed\xa0\x80",
        "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf0\x90\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xfe",
        "\xff"}) {
    EXPECT_FALSE(is_valid_utf8(bad));
    EXPECT_FALSE(is_valid_utf8("ok" + std::string(bad)));
    EXPECT_TRUE(is_valid_utf8(repaired_utf8(bad)));
  }
}

TEST(Utf8, RepairsByteByByte) {
  EXPECT_EQ(repaired_utf8("a\xff"
                          "b"),
            "a\xef\xbf\xbd"
            "b");
  EXPECT_EQ(repaired_utf8("\xe2\x82"), "\xef\xbf\xbd\xef\xbf\xbd");
}

TEST(Utf8, OrdersAsUtf16Does) {
  // In ascending order of UTF-16: surrogate pairs (beyond U+FFFF) come before U+E000-U+FFFF.
  const std::vector<std::string> ascending = {"",
                                              "\x01",
                                              "A",
                                              "Aa",
                                              "a",
                                              "a\xcc\x81",
                                              "b",
                                              "\xc3\xa9",
                                              "\xe6\xbc\xa2",
                                              "\xed\x9f\xbf",
                                              "\xf0\x90\x80\x80",
                                              "\xf0\x9f\x98\x80",
                                              "\xf4\x8f\xbf\xbf",
                                              "\xee\x80\x80",
                                              "\xef\xbf\xbf"};
  for (std::size_t i = 0; i < ascending.size(); ++i) {
    for (std::size_t k = 0; k < ascending.size(); ++k) {
      EXPECT_EQ(utf16_less(ascending[i], ascending[k]), i < k) << i << " " << k;
    }
  }
}

}  // namespace
}  // namespace kachery
