#include "codec/json_fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kachery {
namespace {

using ::testing::HasSubstr;

Json json(std::string_view text) {
  return Json::parse(text).value();
}

TEST(JsonFields, ReadsEveryKind) {
  const Json object = json(R"({"s":"x","n":1.5,"i":-7,"b":true,"any":null,"o":{"k":1},"a":[1]})");
  JsonFields f(object, "thing");
  EXPECT_EQ(f.string("s"), "x");
  EXPECT_EQ(f.number("n"), 1.5);
  EXPECT_EQ(f.integer("i"), -7);
  EXPECT_TRUE(f.boolean("b"));
  EXPECT_TRUE(f.any("any").is_null());
  EXPECT_EQ(f.object("o")["k"].number(), 1);
  EXPECT_EQ(f.array("a").size(), 1U);
  EXPECT_TRUE(f.ok());
  EXPECT_TRUE(f.finish());
}

TEST(JsonFields, RefusesAnUnknownField) {
  const Json object = json(R"({"s":"x","more\u001b":1})");
  JsonFields f(object, "thing");
  f.string("s");
  EXPECT_TRUE(f.finish_lenient());
  const Status status = f.finish();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::invalid);
  EXPECT_EQ(status.error().message, "thing: unknown field \"more\\x1b\"");
}

TEST(JsonFields, RemembersTheFirstProblem) {
  const Json object = json(R"({"s":1,"i":"x"})");
  JsonFields f(object, "thing");
  EXPECT_EQ(f.string("s"), "");
  EXPECT_EQ(f.integer("i"), 0);
  EXPECT_FALSE(f.ok());
  EXPECT_EQ(f.finish().error().message, "thing: s must be a string");
}

TEST(JsonFields, NamesWhatIsWrong) {
  const Json object = json(R"({"x":{"wrong":1}})");
  const auto message = [&](auto read) {
    JsonFields f(object, "thing");
    read(f);
    return f.finish().error().message;
  };
  EXPECT_THAT(message([](JsonFields& f) { f.string("y"); }), HasSubstr("y is missing"));
  EXPECT_THAT(message([](JsonFields& f) { f.number("x"); }), HasSubstr("x must be a number"));
  EXPECT_THAT(message([](JsonFields& f) { f.integer("x"); }), HasSubstr("whole number"));
  EXPECT_THAT(message([](JsonFields& f) { f.boolean("x"); }), HasSubstr("true or false"));
  EXPECT_THAT(message([](JsonFields& f) { f.array("x"); }), HasSubstr("an array"));
  EXPECT_THAT(message([](JsonFields& f) { f.optional_string("x"); }), HasSubstr("a string"));
  EXPECT_THAT(message([](JsonFields& f) { f.string_or_null("y"); }), HasSubstr("y is missing"));
  EXPECT_THAT(message([](JsonFields& f) { f.any_or_null("y"); }), HasSubstr("y is missing"));
  EXPECT_THAT(message([](JsonFields& f) { f.integer_or_null("x"); }), HasSubstr("whole number"));
  EXPECT_THAT(message([](JsonFields& f) { f.problem("x", "is odd"); }), HasSubstr("thing: x is odd"));
}

TEST(JsonFields, OptionalMeansAbsentAndOrNullMeansPresent) {
  const Json object = json(R"({"null":null,"s":"x"})");
  JsonFields f(object, "thing");
  EXPECT_EQ(f.optional_string("absent"), std::nullopt);
  EXPECT_EQ(f.optional_integer("absent"), std::nullopt);
  EXPECT_EQ(f.optional_boolean("absent"), std::nullopt);
  EXPECT_EQ(f.optional_number("absent"), std::nullopt);
  EXPECT_FALSE(f.optional_any("absent"));
  EXPECT_EQ(f.string_or_null("null"), std::nullopt);
  EXPECT_EQ(f.number_or_null("null"), std::nullopt);
  EXPECT_EQ(f.integer_or_null("null"), std::nullopt);
  EXPECT_FALSE(f.any_or_null("null"));
  EXPECT_EQ(f.string_or_null("s"), "x");
  EXPECT_TRUE(f.finish());

  JsonFields strict(object, "thing");
  strict.optional_string("null");  // null is not absent
  EXPECT_FALSE(strict.ok());
}

TEST(JsonFields, RefusesWhatIsNoObject) {
  for (const char* text : {"null", "1", "[]", "\"x\""}) {
    const Json value = json(text);
    JsonFields f(value, "thing");
    EXPECT_EQ(f.optional_string("a"), std::nullopt);
    EXPECT_EQ(f.finish().error().message, "thing must be an object");
    EXPECT_FALSE(f.finish_lenient());
  }
}

}  // namespace
}  // namespace kachery
