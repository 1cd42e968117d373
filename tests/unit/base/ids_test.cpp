#include "base/ids.h"

#include <gtest/gtest.h>

#include <set>

namespace kachery {
namespace {

TEST(HexId, ParsesEitherCaseAndWritesLower) {
  const auto id = Sha1::parse("DA39a3ee5e6b4b0d3255bfef95601890afd80709");
  ASSERT_TRUE(id);
  EXPECT_EQ(id->hex(), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  EXPECT_EQ(id->brief(), "da39a3ee5e");
}

TEST(HexId, RefusesOtherLengthsAndCharacters) {
  EXPECT_FALSE(Sha1::parse(""));
  EXPECT_FALSE(Sha1::parse("da39a3ee5e6b4b0d3255bfef95601890afd8070"));
  EXPECT_FALSE(Sha1::parse("da39a3ee5e6b4b0d3255bfef95601890afd807090"));
  EXPECT_FALSE(Sha1::parse("ga39a3ee5e6b4b0d3255bfef95601890afd80709"));
}

TEST(LetterId, IsTenLettersAndRandom) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const RequestId id = RequestId::random();
    EXPECT_TRUE(RequestId::parse(id.str()));
    seen.insert(id.str());
  }
  EXPECT_EQ(seen.size(), 100u);
  EXPECT_FALSE(StreamId::parse("abcdefghi"));
  EXPECT_FALSE(StreamId::parse("abcdefghij1"));
  EXPECT_FALSE(StreamId::parse("abcdefghi1"));
  EXPECT_FALSE(StreamId::parse("abcdefghijk"));
}

}  // namespace
}  // namespace kachery
