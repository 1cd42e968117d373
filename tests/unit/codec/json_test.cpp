#include "codec/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>

#include "base/limits.h"
#include "codec/json_text.h"
#include "support/vectors.h"

namespace kachery {
namespace {

using ::testing::HasSubstr;
using testing::items;
using testing::text;
using testing::unhex;
using testing::vectors;

std::string number_text(double value) {
  std::string out;
  append_json_number(out, value);
  return out;
}

std::string parse_error(std::string_view input) {
  const auto parsed = Json::parse(input);
  return parsed ? "parsed" : parsed.error().message;
}

TEST(Json, WritesTheGoldenCanonicalTexts) {
  for (const Json& v : items(vectors("canonical_json"))) {
    const auto value = Json::parse(v["input_json"].string());
    ASSERT_TRUE(value) << value.error().message;
    EXPECT_EQ(canonical_json(*value), v["canonical"].string());
    EXPECT_EQ(canonical_json(*value), unhex(v["canonical_utf8_hex"].string()));
    EXPECT_EQ(canonical_json(Json::parse(value->text()).value()), v["canonical"].string());
  }
  for (const Json& v : items(vectors("canonical_json_scalars"))) {
    EXPECT_EQ(canonical_json(Json::parse(v["input_json"].string()).value()), v["canonical"].string());
  }
}

TEST(Json, WritesNumbersAsJavaScript) {
  const double smallest = std::numeric_limits<double>::denorm_min();
  EXPECT_EQ(number_text(0), "0");
  EXPECT_EQ(number_text(-0.0), "0");
  EXPECT_EQ(number_text(-1), "-1");
  EXPECT_EQ(number_text(1e20), "100000000000000000000");
  EXPECT_EQ(number_text(123456789012345680000.0), "123456789012345680000");
  EXPECT_EQ(number_text(999999999999999900000.0), "999999999999999900000");
  EXPECT_EQ(number_text(1e21), "1e+21");
  EXPECT_EQ(number_text(-1.5e21), "-1.5e+21");
  EXPECT_EQ(number_text(1.2345e100), "1.2345e+100");
  EXPECT_EQ(number_text(0.1), "0.1");
  EXPECT_EQ(number_text(-0.5), "-0.5");
  EXPECT_EQ(number_text(1.0 / 3), "0.3333333333333333");
  EXPECT_EQ(number_text(0.000001), "0.000001");
  EXPECT_EQ(number_text(0.0000015), "0.0000015");
  EXPECT_EQ(number_text(0.0000001), "1e-7");
  EXPECT_EQ(number_text(1.5e-7), "1.5e-7");
  EXPECT_EQ(number_text(smallest), "5e-324");
  EXPECT_EQ(number_text(-smallest), "-5e-324");
  EXPECT_EQ(number_text(std::numeric_limits<double>::min()), "2.2250738585072014e-308");
  EXPECT_EQ(number_text(std::numeric_limits<double>::max()), "1.7976931348623157e+308");
  EXPECT_EQ(number_text(9007199254740991), "9007199254740991");
  EXPECT_EQ(number_text(9007199254740992), "9007199254740992");
  EXPECT_EQ(number_text(9007199254740994), "9007199254740994");
  EXPECT_EQ(number_text(-9007199254740992), "-9007199254740992");
  EXPECT_EQ(number_text(18014398509481984), "18014398509481984");
  EXPECT_EQ(number_text(123456789.123), "123456789.123");
  EXPECT_EQ(number_text(4.35), "4.35");
  EXPECT_EQ(number_text(1637000000000), "1637000000000");
}

TEST(Json, NumbersReadBackAsTheSameDouble) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t bits = random();
    double value = 0;
    std::memcpy(&value, &bits, sizeof value);
    if (!std::isfinite(value)) continue;
    const auto back = Json::parse(number_text(value));
    ASSERT_TRUE(back) << number_text(value);
    ASSERT_EQ(back->number(), value) << number_text(value);
  }
}

TEST(Json, WritesWhatIsNotFiniteAsNull) {
  EXPECT_TRUE(Json(std::nan("")).is_null());
  EXPECT_TRUE(Json(std::numeric_limits<double>::infinity()).is_null());
}

TEST(Json, EveryNumberIsADouble) {
  EXPECT_EQ(Json::parse("5").value().text(), "5");
  EXPECT_EQ(Json::parse("5.0").value().text(), "5");
  EXPECT_EQ(Json::parse("-0").value().text(), "0");
  EXPECT_EQ(Json::parse("9007199254740993").value().text(), "9007199254740992");
  EXPECT_EQ(Json::parse("123456789012345678901234567890").value().text(), "1.2345678901234568e+29");
  EXPECT_EQ(Json::parse("1e-400").value().text(), "0");
  EXPECT_FALSE(Json::parse("1e400"));
  EXPECT_FALSE(Json::parse("-1e400"));
  EXPECT_FALSE(Json::parse("1" + std::string(400, '0')));
}

TEST(Json, IntegersEndAt2To53) {
  EXPECT_EQ(Json::parse("9007199254740992").value().integer(), 9007199254740992);
  EXPECT_EQ(Json::parse("-9007199254740992").value().integer(), -9007199254740992);
  EXPECT_EQ(Json::parse("9007199254740994").value().integer(), std::nullopt);
  EXPECT_EQ(Json::parse("1e300").value().integer(), std::nullopt);
  EXPECT_EQ(Json::parse("1.5").value().integer(), std::nullopt);
  EXPECT_EQ(Json("1").integer(), std::nullopt);
  EXPECT_EQ(Json::parse("-0").value().integer(), 0);
}

TEST(Json, EscapesOnlyWhatJavaScriptDoes) {
  const std::string_view all("\"\\/\b\t\n\f\r\0\x1f\x7f", 11);
  EXPECT_EQ(Json(all).text(), "\"\\\"\\\\/\\b\\t\\n\\f\\r\\u0000\\u001f\x7f\"");
  EXPECT_EQ(Json("\xe2\x80\xa8\xf0\x9f\x98\x80").text(), "\"\xe2\x80\xa8\xf0\x9f\x98\x80\"");
  EXPECT_EQ(Json::parse(Json(all).text()).value().string(), all);
}

TEST(Json, SortsKeysByUtf16AtEveryLevelButKeepsArrays) {
  const auto value = Json::parse(
      "{\"\\uffff\":1,\"\\ud83d\\ude00\":2,\"b\":[{\"z\":1,\"a\":2},3],\"a\":{\"2\":1,\"10\":2}}");
  EXPECT_EQ(
      canonical_json(*value),
      "{\"a\":{\"10\":2,\"2\":1},\"b\":[{\"a\":2,\"z\":1},3],\"\xf0\x9f\x98\x80\":2,\"\xef\xbf\xbf\":1}");
}

TEST(Json, KeepsInsertionOrderInText) {
  EXPECT_EQ(Json::parse("{\"b\":1, \"a\" : [true,false,null] }").value().text(),
            "{\"b\":1,\"a\":[true,false,null]}");
  EXPECT_EQ(Json::object({{"z", 1}, {"a", Json::array({"x", nullptr, 2.5})}}).text(),
            "{\"z\":1,\"a\":[\"x\",null,2.5]}");
}

TEST(Json, TheLastOfDuplicateKeysCounts) {
  EXPECT_EQ(Json::parse("{\"a\":1,\"b\":2,\"a\":{\"a\":3}}").value().text(), "{\"a\":{\"a\":3},\"b\":2}");
}

TEST(Json, RefusesNestingBeyondItsLimit) {
  const std::size_t limit = limits::json_depth;
  EXPECT_TRUE(Json::parse(std::string(limit, '[') + std::string(limit, ']')));
  const auto deeper = Json::parse(std::string(limit + 1, '[') + std::string(limit + 1, ']'));
  ASSERT_FALSE(deeper);
  EXPECT_EQ(deeper.error().code, Errc::too_large);
  EXPECT_FALSE(Json::parse(std::string(10'000'000, '[')));
  std::string objects;
  for (std::size_t i = 0; i <= limit; ++i) objects += "{\"a\":";
  EXPECT_FALSE(Json::parse(objects + "1" + std::string(limit + 1, '}')));
  // Brackets in strings, and side by side, do not nest.
  EXPECT_TRUE(Json::parse("\"" + std::string(1000, '[') + "\\\"" + std::string(1000, '{') + "\""));
  std::string wide = "[[]";
  for (int i = 0; i < 1000; ++i) wide += ",[{}]";
  EXPECT_TRUE(Json::parse(wide + "]"));
}

TEST(Json, RefusesMoreValuesThanAllowed) {
  const std::string_view text = R"({"a":[1,2,"x,y,[z"],"b":{}})";
  EXPECT_TRUE(Json::parse(text, 7));
  const auto refused = Json::parse(text, 5);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::too_large);
  EXPECT_FALSE(Json::parse("[0,0]", 2));
  EXPECT_TRUE(Json::parse("0", 1));

  // Counted before anything is parsed, so that commas alone do.
  const auto many = Json::parse("[" + std::string(limits::json_values, ',') + "]");
  ASSERT_FALSE(many);
  EXPECT_EQ(many.error().code, Errc::too_large);
}

TEST(Json, RefusesWithAReason) {
  EXPECT_THAT(parse_error("\"\\ud800\""), HasSubstr("Unicode"));
  EXPECT_THAT(parse_error("\"\\udc00\\ud800\""), HasSubstr("Unicode"));
  EXPECT_THAT(parse_error("{\"a\": \"\\ud83dx\"}"), HasSubstr("Unicode"));
  EXPECT_THAT(parse_error("{\"a\\u0000b\":1}"), HasSubstr("NUL"));
  EXPECT_THAT(parse_error("\"\xff\""), HasSubstr("0xff"));
  EXPECT_THAT(parse_error("\"\xed\xa0\x80\""), HasSubstr("decode"));
  EXPECT_THAT(parse_error("[1,\n2,]"), HasSubstr("line 2"));
  EXPECT_THAT(parse_error("{} x"), HasSubstr("end of file"));
}

TEST(Json, RefusesWhatIsNotOneJsonText) {
  using namespace std::string_view_literals;
  for (const std::string_view bad : {""sv,
                                     " "sv,
                                     "{"sv,
                                     "}"sv,
                                     "[1,]"sv,
                                     "{\"a\"}"sv,
                                     "{\"a\":}"sv,
                                     "{a:1}"sv,
                                     "'a'"sv,
                                     "01"sv,
                                     "+1"sv,
                                     ".5"sv,
                                     "5."sv,
                                     "0x10"sv,
                                     "NaN"sv,
                                     "Infinity"sv,
                                     "undefined"sv,
                                     "nul"sv,
                                     "True"sv,
                                     "1 2"sv,
                                     "{}{}"sv,
                                     "\"a"sv,
                                     "\"\t\""sv,
                                     "\"\\x\""sv,
                                     "\"\\u12\""sv,
                                     "\0"sv,
                                     "1\0"sv,
                                     "1\0x"sv,
                                     "\0001"sv,
                                     "\"a\0b\""sv,
                                     "\xef\xbb\xbf{}"sv,
                                     "// c\n1"sv,
                                     "\"\xc0\x80\""sv}) {
    EXPECT_FALSE(Json::parse(bad)) << bad;
  }
}

TEST(Json, ErrorsEscapeWhatTheyQuote) {
  EXPECT_EQ(parse_error("[\"\x1b[31m\" \x07").find('\x1b'), std::string::npos);
}

TEST(Json, NulIsWelcomeInStringsOnly) {
  EXPECT_EQ(Json::parse("\"a\\u0000b\"").value().string(), std::string_view("a\0b", 3));
}

TEST(Json, ParsesAnyType) {
  EXPECT_EQ(Json::parse(" null ").value().type(), Json::Type::null);
  EXPECT_EQ(Json::parse("true").value().type(), Json::Type::boolean);
  EXPECT_EQ(Json::parse("1").value().type(), Json::Type::number);
  EXPECT_EQ(Json::parse("\"\"").value().type(), Json::Type::string);
  EXPECT_EQ(Json::parse("[]").value().type(), Json::Type::array);
  EXPECT_EQ(Json::parse("{}").value().type(), Json::Type::object);
}

TEST(Json, WrongTypesReadAsEmpty) {
  const Json null;
  EXPECT_FALSE(null.boolean());
  EXPECT_EQ(null.number(), 0);
  EXPECT_EQ(null.string(), "");
  EXPECT_EQ(null.size(), 0U);
  EXPECT_TRUE(null[0].is_null());
  EXPECT_TRUE(null["a"].is_null());
  EXPECT_FALSE(null.contains("a"));
  EXPECT_TRUE(null.members().empty());
  const Json array = Json::array({1, 2});
  EXPECT_EQ(array.size(), 2U);
  EXPECT_EQ(array[1].number(), 2);
  EXPECT_TRUE(array[2].is_null());
  EXPECT_TRUE(array["a"].is_null());
}

TEST(Json, CopiesShareAndMovesLeaveNull) {
  Json a = Json::object({{"k", "v"}});
  const Json b = a;
  EXPECT_EQ(a, b);
  const Json c = std::move(a);
  EXPECT_TRUE(a.is_null());  // NOLINT(bugprone-use-after-move): the contract under test
  EXPECT_EQ(c, b);
  Json d;
  d = c;
  EXPECT_EQ(d["k"].string(), "v");
  d = d["k"];
  EXPECT_EQ(d.string(), "v");
}

TEST(Json, InvalidUtf8IsRepaired) {
  EXPECT_EQ(Json("a\xff").string(), "a\xef\xbf\xbd");
  Json object = Json::object();
  object.set("k\xff", 1);
  EXPECT_EQ(object.text(), "{\"k\xef\xbf\xbd\":1}");
}

TEST(Json, EmptyViewsWithoutAnAddressAreEmptyStrings) {
  const std::string_view nothing;
  EXPECT_EQ(Json(nothing).text(), "\"\"");
  EXPECT_FALSE(Json::parse(nothing));
  Json object = Json::object({{nothing, 1}});
  EXPECT_EQ(object[nothing].number(), 1);
  EXPECT_TRUE(object.contains(nothing));
}

TEST(Json, SetReplacesInPlace) {
  Json object = Json::object({{"a", 1}, {"b", 2}});
  object.set("a", true);
  EXPECT_EQ(object.text(), "{\"a\":true,\"b\":2}");
  const auto members = object.members();
  ASSERT_EQ(members.size(), 2U);
  EXPECT_EQ(members[0].first, "a");
  EXPECT_EQ(members[1].second.number(), 2);
}

TEST(Json, EqualityIgnoresTheOrderOfMembers) {
  EXPECT_EQ(Json::parse("{\"a\":1,\"b\":[1]}").value(), Json::parse("{\"b\":[1.0],\"a\":1}").value());
  EXPECT_FALSE(Json(1) == Json("1"));
  EXPECT_FALSE(Json::array({1, 2}) == Json::array({2, 1}));
}

}  // namespace
}  // namespace kachery
