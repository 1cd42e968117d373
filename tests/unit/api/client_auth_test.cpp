#include "api/client_auth.h"

#include <gtest/gtest.h>

#include <cctype>

#include "support/virtual_scheduler.h"

namespace kachery::api {
namespace {

using std::chrono::minutes;

struct Published {
  ClientAuth::Publish into() {
    return [this](const std::string& code) -> Status {
      if (full) return fail(Errc::no_space, "no space left on device");
      codes.push_back(code);
      return {};
    };
  }
  std::vector<std::string> codes;
  bool full = false;
};

TEST(ClientAuth, PublishesTwelveLettersAtOnce) {
  kachery::testing::VirtualScheduler clock;
  Published published;
  const auto auth = ClientAuth::start(clock, Pace(), published.into());
  ASSERT_TRUE(auth);
  ASSERT_EQ(published.codes.size(), 1u);
  EXPECT_EQ(published.codes[0].size(), 12u);
  for (const char c : published.codes[0]) EXPECT_TRUE(std::isalpha(static_cast<unsigned char>(c))) << c;
  EXPECT_TRUE((*auth)->is_client(published.codes[0]));
}

TEST(ClientAuth, RefusesEverythingElse) {
  kachery::testing::VirtualScheduler clock;
  Published published;
  const auto auth = ClientAuth::start(clock, Pace(), published.into());
  ASSERT_TRUE(auth);
  const std::string& code = published.codes[0];
  EXPECT_FALSE((*auth)->is_client(""));
  EXPECT_FALSE((*auth)->is_client(code.substr(1)));
  EXPECT_FALSE((*auth)->is_client(code + "x"));
  EXPECT_FALSE((*auth)->is_client(code + "\n"));
  EXPECT_FALSE((*auth)->is_other_client(code));
}

TEST(ClientAuth, KeepsTheCodeBeforeForOneMorePeriod) {
  kachery::testing::VirtualScheduler clock;
  Published published;
  const auto auth = ClientAuth::start(clock, Pace(), published.into());
  ASSERT_TRUE(auth);
  clock.advance(minutes(3));
  ASSERT_EQ(published.codes.size(), 2u);
  EXPECT_TRUE((*auth)->is_client(published.codes[0]));
  EXPECT_TRUE((*auth)->is_client(published.codes[1]));
  clock.advance(minutes(3));
  ASSERT_EQ(published.codes.size(), 3u);
  EXPECT_FALSE((*auth)->is_client(published.codes[0]));
  EXPECT_TRUE((*auth)->is_client(published.codes[1]));
  EXPECT_TRUE((*auth)->is_client(published.codes[2]));
}

TEST(ClientAuth, RotatesFasterWhenSpedUp) {
  kachery::testing::VirtualScheduler clock;
  Published published;
  const auto auth = ClientAuth::start(clock, Pace(180), published.into());
  ASSERT_TRUE(auth);
  clock.advance(std::chrono::seconds(3));
  EXPECT_EQ(published.codes.size(), 4u);
}

TEST(ClientAuth, FailsAtTheStartIfItCannotPublish) {
  kachery::testing::VirtualScheduler clock;
  Published published;
  published.full = true;
  const auto auth = ClientAuth::start(clock, Pace(), published.into());
  ASSERT_FALSE(auth);
  EXPECT_EQ(auth.error().code, Errc::no_space);
}

TEST(ClientAuth, KeepsTheCodeWhileANewOneCannotBePublished) {
  kachery::testing::VirtualScheduler clock;
  Published published;
  const auto auth = ClientAuth::start(clock, Pace(), published.into());
  ASSERT_TRUE(auth);
  published.full = true;
  clock.advance(minutes(30));
  EXPECT_TRUE((*auth)->is_client(published.codes[0]));
  published.full = false;
  clock.advance(minutes(3));
  EXPECT_EQ(published.codes.size(), 2u);
}

TEST(ClientAuth, KnowsTheCodesOfOtherClients) {
  kachery::testing::VirtualScheduler clock;
  Published published;
  const auto auth = ClientAuth::start(clock, Pace(), published.into());
  ASSERT_TRUE(auth);
  (*auth)->set_other_codes({"one", "another code"});
  EXPECT_TRUE((*auth)->is_other_client("one"));
  EXPECT_TRUE((*auth)->is_other_client("another code"));
  EXPECT_FALSE((*auth)->is_other_client("on"));
  EXPECT_FALSE((*auth)->is_client("one"));
  (*auth)->set_other_codes({});
  EXPECT_FALSE((*auth)->is_other_client("one"));
  EXPECT_FALSE((*auth)->is_other_client(""));
}

TEST(OtherCodes, MustBeStringsWithContent) {
  EXPECT_EQ(other_codes_from_json(Json::array({"a", "b"}))->size(), 2u);
  EXPECT_TRUE(other_codes_from_json(Json::array())->empty());
  for (const Json& wrong : {Json(), Json("a"), Json::object(), Json::array({"a", 1}), Json::array({""})}) {
    EXPECT_FALSE(other_codes_from_json(wrong)) << wrong.text();
  }
}

}  // namespace
}  // namespace kachery::api
