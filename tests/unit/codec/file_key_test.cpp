#include "codec/file_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/vectors.h"

namespace kachery {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view a40 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
constexpr std::string_view b40 = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

Result<FileKey> chunk(const Json& start, const Json& end) {
  return FileKey::from_json(Json::object(
      {{"sha1", a40},
       {"chunkOf",
        Json::object(
            {{"fileKey", Json::object({{"sha1", b40}})}, {"startByte", start}, {"endByte", end}})}}));
}

TEST(FileKey, AcceptsAndRefusesWhatTheNetworkDoes) {
  for (const Json& v : testing::items(testing::vectors("validation")["fileKey"])) {
    const auto key = FileKey::from_json(v["input"]);
    EXPECT_EQ(key.has_value(), v["accepted"].boolean()) << v.text();
    if (key) {
      EXPECT_EQ(FileKey::from_json(key->json()).value(), *key);
    }
  }
}

TEST(FileKey, KeepsEveryField) {
  const auto key = FileKey::from_json(
      Json::parse(
          R"({"sha1":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","manifestSha1":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
        "chunkOf":{"fileKey":{"sha1":"cccccccccccccccccccccccccccccccccccccccc","manifestSha1":"dddddddddddddddddddddddddddddddddddddddd"},
        "startByte":20000000,"endByte":9007199254740992}})")
          .value());
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_EQ(key->sha1.hex(), a40);
  EXPECT_EQ(key->manifest->hex(), b40);
  EXPECT_EQ(key->chunk_of->file.hex(), std::string(40, 'c'));
  EXPECT_EQ(key->chunk_of->file_manifest->hex(), std::string(40, 'd'));
  EXPECT_EQ(key->chunk_of->range, (ByteRange{20000000, 9007199254740992}));
  EXPECT_EQ(
      key->json().text(),
      R"({"sha1":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","manifestSha1":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",)"
      R"("chunkOf":{"fileKey":{"sha1":"cccccccccccccccccccccccccccccccccccccccc","manifestSha1":"dddddddddddddddddddddddddddddddddddddddd"},)"
      R"("startByte":20000000,"endByte":9007199254740992}})");
}

TEST(FileKey, RefusesBadRanges) {
  EXPECT_TRUE(chunk(0, 1));
  EXPECT_FALSE(chunk(1, 1));
  EXPECT_FALSE(chunk(2, 1));
  EXPECT_FALSE(chunk(-1, 1));
  EXPECT_FALSE(chunk(0.5, 1));
  EXPECT_FALSE(chunk("0", 1));
  EXPECT_FALSE(chunk(0, 1e300));
  EXPECT_FALSE(chunk(nullptr, 1));
}

TEST(FileKey, RefusesAChunkOfAChunk) {
  Json inner = chunk(0, 1)->json();
  const auto key = FileKey::from_json(Json::object(
      {{"sha1", a40}, {"chunkOf", Json::object({{"fileKey", inner}, {"startByte", 0}, {"endByte", 1}})}}));
  ASSERT_FALSE(key);
  EXPECT_THAT(key.error().message, HasSubstr("chunkOf"));
}

TEST(FileKey, RefusesOtherShapes) {
  for (
      const char* text :
      {"null", "[]", R"({"sha1":1})",
       R"({"sha1":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","manifestSha1":null})",
       R"({"sha1":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","chunkOf":null})",
       R"({"sha1":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","chunkOf":{}})",
       R"({"sha1":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","chunkOf":{"fileKey":{},"startByte":0,"endByte":1}})",
       R"({"sha1":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"})"}) {
    EXPECT_FALSE(FileKey::from_json(Json::parse(text).value())) << text;
  }
}

}  // namespace
}  // namespace kachery
