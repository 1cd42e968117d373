#include "codec/bson.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <span>
#include <string>

#include "base/hex.h"
#include "base/limits.h"
#include "support/vectors.h"

namespace kachery {
namespace {

using ::testing::HasSubstr;
using testing::items;
using testing::unhex;
using testing::vectors;

Json json(std::string_view text) {
  return Json::parse(text).value();
}

std::string hex(std::string_view bytes) {
  return to_hex(std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
}

std::string encoded_hex(std::string_view text) {
  return hex(bson::encode(json(text)).value());
}

// The document {"a": value} with the value's type and bytes given in hex.
Result<Json> decode_element(std::string_view type, std::string_view value) {
  const std::string body =
      unhex(std::string(type)) + std::string("a\0", 2) + unhex(value) + std::string(1, '\0');
  std::string document(4, '\0');
  document[0] = static_cast<char>(body.size() + 4);
  return bson::decode(document + body);
}

TEST(Bson, EncodesTheGoldenDocuments) {
  for (const Json& v : items(vectors("bson"))) {
    const Json value = json(v["input_json"].string());
    EXPECT_EQ(encoded_hex(v["input_json"].string()), v["bson_hex"].string()) << v["input_json"].string();
    const auto back = bson::decode(unhex(v["bson_hex"].string()));
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(*back, value);
  }
}

TEST(Bson, EncodesTheBodiesOfNodeInfos) {
  for (const Json& v : items(vectors("channel_node_info"))) {
    EXPECT_EQ(hex(bson::encode(v["value"]["body"]).value()), v["bson_of_body_hex"].string());
  }
}

TEST(Bson, WholeNumbersWithinInt32AreInt32) {
  EXPECT_EQ(encoded_hex(R"({"a":2147483647})"),
            "0c0000001061"
            "00ffffff7f00");
  EXPECT_EQ(encoded_hex(R"({"a":-2147483648})"),
            "0c0000001061"
            "000000008000");
  EXPECT_EQ(encoded_hex(R"({"a":2147483648})"),
            "100000000161"
            "00000000000000e04100");
  EXPECT_EQ(encoded_hex(R"({"a":-2147483649})"),
            "100000000161"
            "00000020000000e0c100");
  EXPECT_EQ(encoded_hex(R"({"a":-0})"),
            "0c0000001061"
            "000000000000");
  EXPECT_EQ(encoded_hex(R"({"a":5.0})"),
            "0c0000001061"
            "000500000000");
  EXPECT_EQ(encoded_hex(R"({"a":0.5})"),
            "100000000161"
            "00000000000000e03f00");
}

TEST(Bson, ArrayIndexKeysComeFirstInNumericOrder) {
  const auto order = [](std::string_view text) {
    std::string out;
    for (const auto& [key, value] : bson::decode(bson::encode(json(text)).value()).value().members())
      out += key + " ";
    return out;
  };
  EXPECT_EQ(order(R"({"b":0,"10":0,"9":0,"01":0,"a":0,"0":0,"-1":0,"1.0":0,"":0})"),
            "0 9 10  -1 01 1.0 a b ");
  // 4294967294 is the last index of a JavaScript array.
  EXPECT_EQ(order(R"({"4294967295":0,"4294967294":0,"42949672940":0,"1":0,"A":0})"),
            "1 4294967294 42949672940 4294967295 A ");
  EXPECT_EQ(order("{\"\\uffff\":0,\"\\ud83d\\ude00\":0,\"z\":0}"), "z \xf0\x9f\x98\x80 \xef\xbf\xbf ");
}

TEST(Bson, KeepsNulInStringsAndRefusesItInKeys) {
  EXPECT_EQ(encoded_hex(R"({"a":"x\u0000y"})"),
            "100000000261"
            "0004000000"
            "7800790000");
  EXPECT_EQ(decode_element("02", "0400000078007900").value()["a"].string(), std::string_view("x\0y", 3));
  Json object = Json::object();
  object.set(std::string_view("a\0b", 3), 1);
  const auto encoded = bson::encode(object);
  ASSERT_FALSE(encoded);
  EXPECT_THAT(encoded.error().message, HasSubstr("NUL"));
  EXPECT_FALSE(bson::encode(Json::object({{"deep", Json::array({object})}})));
}

TEST(Bson, EncodesObjectsOnly) {
  for (const char* text : {"null", "1", "[]", "\"x\"", "true"}) EXPECT_FALSE(bson::encode(json(text)));
}

TEST(Bson, WideDocumentsTakeTheirTimeOnce) {
  Json array = Json::array();
  Json object = Json::object();
  for (int i = 0; i < 200'000; ++i) {
    array.push(i);
    object.set(std::to_string(i * 7919 % 200'003) + "k", i);
  }
  const Json both = Json::object({{"array", array}, {"object", object}});
  const std::string encoded = bson::encode(both).value();
  EXPECT_EQ(bson::decode(encoded).value(), both);
}

TEST(Bson, DecodesNumbersOfAllWidths) {
  EXPECT_EQ(decode_element("10", "ffffffff").value()["a"].number(), -1);
  EXPECT_EQ(decode_element("12", "ffffffffffffffff").value()["a"].number(), -1);
  EXPECT_EQ(decode_element("12", "0000000000002000").value()["a"].number(), 9007199254740992.0);
  EXPECT_EQ(decode_element("01", "000000000000f8bf").value()["a"].number(), -1.5);
  EXPECT_FALSE(decode_element("01", "000000000000f87f"));  // NaN
  EXPECT_FALSE(decode_element("01", "000000000000f0ff"));  // -Infinity
}

TEST(Bson, RefusesOtherTypes) {
  for (const char* type : {"05", "06", "07", "09", "0b", "0c", "0d", "0e", "0f", "11", "13", "7f", "ff"}) {
    const auto decoded = decode_element(type, "0000000000000000");
    ASSERT_FALSE(decoded);
    EXPECT_THAT(decoded.error().message, HasSubstr("type 0x" + std::string(type)));
  }
  EXPECT_FALSE(bson::decode(unhex(vectors("bson_binary")[0]["bson_hex"].string())));
}

TEST(Bson, RefusesBooleansOtherThanZeroAndOne) {
  EXPECT_FALSE(decode_element("08", "00").value()["a"].boolean());
  EXPECT_TRUE(decode_element("08", "01").value()["a"].boolean());
  EXPECT_FALSE(decode_element("08", "02"));
}

TEST(Bson, RefusesLengthsThatDoNotFit) {
  const std::string good = bson::encode(json(R"({"a":"xyz","b":{"c":[1,2]}})")).value();
  ASSERT_TRUE(bson::decode(good));
  for (std::size_t n = 0; n < good.size(); ++n) EXPECT_FALSE(bson::decode(good.substr(0, n))) << n;
  EXPECT_FALSE(bson::decode(good + std::string(1, '\0')));
  for (const int delta : {-1, 1, 127, -128}) {
    std::string bad = good;
    bad[0] = static_cast<char>(bad[0] + delta);
    EXPECT_FALSE(bson::decode(bad)) << delta;
  }
  std::string negative = good;
  negative[3] = '\x80';
  EXPECT_FALSE(bson::decode(negative));
  EXPECT_FALSE(decode_element("02",
                              "00000000"
                              "7800"));  // a string counts its NUL
  EXPECT_FALSE(decode_element("02",
                              "ffffffff"
                              "7800"));
  EXPECT_FALSE(decode_element("02",
                              "03000000"
                              "7800"));  // beyond the end of the document
  EXPECT_FALSE(decode_element("02",
                              "02000000"
                              "7878"));  // no NUL at its end
  EXPECT_FALSE(decode_element("03", "04000000"));
  EXPECT_FALSE(decode_element("03",
                              "0700000000"
                              "0000"));  // ends before its length says
}

TEST(Bson, RefusesInvalidUtf8) {
  EXPECT_FALSE(decode_element("02",
                              "02000000"
                              "ff00"));
  EXPECT_FALSE(bson::decode(unhex("080000000aff0000")));
}

TEST(Bson, RefusesKeysTwiceAndArraysThatDoNotCount) {
  EXPECT_FALSE(bson::decode(unhex("0b0000000a61000a610000")));
  EXPECT_TRUE(decode_element("04", "0b0000000a30000a310000"));
  EXPECT_FALSE(decode_element("04", "0b0000000a30000a300000"));
  EXPECT_FALSE(decode_element("04", "0b0000000a31000a300000"));
}

TEST(Bson, RefusesNestingBeyondItsLimit) {
  const auto nested = [](std::size_t depth) {
    std::string out = unhex("0500000000");
    for (std::size_t i = 1; i < depth; ++i) {
      const auto length = static_cast<std::uint32_t>(out.size() + 8);
      std::string outer;
      for (int shift = 0; shift < 32; shift += 8) outer += static_cast<char>(length >> shift);
      out = outer + "\x03" + "a" + std::string(1, '\0') + out + std::string(1, '\0');
    }
    return out;
  };
  const auto deepest = bson::decode(nested(limits::json_depth));
  ASSERT_TRUE(deepest) << deepest.error().message;
  EXPECT_TRUE(Json::parse(deepest->text()));
  const auto deeper = bson::decode(nested(limits::json_depth + 1));
  ASSERT_FALSE(deeper);
  EXPECT_EQ(deeper.error().code, Errc::too_large);
  EXPECT_FALSE(bson::decode(nested(20'000)));
}

}  // namespace
}  // namespace kachery
