#include "store/manifest.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "support/vectors.h"
#include "unit/store/store_fixture.h"

namespace kachery {
namespace {

using testing::items;
using testing::vector_bytes;
using testing::vectors;

TEST(Manifest, IsTheGoldenOne) {
  int manifests = 0;
  for (const Json& c : items(vectors("manifests")["cases"])) {
    FileAndChunkHasher hasher;
    hasher.update(vector_bytes(static_cast<std::size_t>(c["size"].number())));
    const auto digests = hasher.finish();
    EXPECT_EQ(digests.file.hex(), c["sha1"].string());
    EXPECT_EQ(wants_manifest(digests.size), c["manifest"].is_string());
    if (!c["manifest"].is_string()) continue;
    ++manifests;
    const std::string text = manifest_of(digests).text();
    EXPECT_EQ(text, c["manifest"].string());
    EXPECT_EQ(sha1_of(text).hex(), c["manifestSha1"].string());
    const auto parsed = Manifest::parse(text);
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(parsed->text(), text);
  }
  EXPECT_EQ(manifests, 3);
}

const char* const h = "533e7ccdbef7a47c84c0aee7156db1d0bdf3cb94";

std::string chunk(const std::string& start, const std::string& end) {
  return R"({"start":)" + start + R"(,"end":)" + end + R"(,"sha1":")" + h + "\"}";
}

std::string manifest(const std::string& size, const std::string& chunks) {
  return R"({"size":)" + size + R"(,"sha1":")" + h + R"(","chunks":[)" + chunks + "]}";
}

TEST(Manifest, ReadsAnyOrderAndSpacing) {
  const std::string text = "\n { \"chunks\" : [ { \"sha1\":\"" + std::string(h) +
                           "\" , \"end\": 3,\t\"start\":0 } ],\r\n \"sha1\": \"" + h + "\", \"size\" :3 } ";
  const auto parsed = Manifest::parse(text);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->size, 3u);
  ASSERT_EQ(parsed->chunks.size(), 1u);
  EXPECT_EQ(parsed->chunks[0].range, (ByteRange{0, 3}));
  EXPECT_EQ(parsed->chunks[0].sha1.hex(), h);
}

TEST(Manifest, TakesChunksOfAnySize) {
  const auto parsed = Manifest::parse(manifest("10", chunk("0", "1") + "," + chunk("1", "10")));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->chunks.size(), 2u);
  EXPECT_TRUE(Manifest::parse(manifest("0", "")));
}

TEST(Manifest, RefusesWhatDoesNotAddUp) {
  const std::vector<std::string> bad = {
      "",
      "{}",
      "[]",
      "null",
      "garbage",
      manifest("10", ""),                                        // nothing
      manifest("10", chunk("0", "9")),                           // short
      manifest("10", chunk("0", "11")),                          // long
      manifest("10", chunk("1", "10")),                          // starts late
      manifest("10", chunk("0", "4") + "," + chunk("5", "10")),  // gap
      manifest("10", chunk("0", "6") + "," + chunk("5", "10")),  // overlap
      manifest("10", chunk("0", "10") + "," + chunk("10", "10")),
      manifest("10", chunk("5", "10") + "," + chunk("0", "5")),
      manifest("0", chunk("0", "0")),
      manifest("-10", chunk("0", "-10")),
      manifest("1e1", chunk("0", "1e1")),
      manifest("10.0", chunk("0", "10.0")),
      manifest("010", chunk("0", "010")),
      manifest("\"10\"", chunk("0", "10")),
      manifest("9007199254740993", chunk("0", "9007199254740993")),  // beyond 2^53
      manifest("99999999999999999999999", chunk("0", "99999999999999999999999")),
      manifest("10", chunk("0", "10")) + "x",
      manifest("10", chunk("0", "10") + ","),
      manifest("10", chunk("0", "10")).substr(1),
      R"({"size":10,"size":10,"sha1":")" + std::string(h) + R"(","chunks":[)" + chunk("0", "10") + "]}",
      R"({"size":10,"extra":1,"sha1":")" + std::string(h) + R"(","chunks":[)" + chunk("0", "10") + "]}",
      R"({"size":10,"sha1":"533e","chunks":[)" + chunk("0", "10") + "]}",
      R"({"size":10,"chunks":[)" + chunk("0", "10") + "]}",
      R"({"sha1":")" + std::string(h) + R"(","chunks":[)" + chunk("0", "10") + "]}",
      R"({"size":10,"sha1":")" + std::string(h) + R"("})",
      R"({"size":10,"sha1":")" + std::string(h) + R"(","chunks":{}})",
      R"({"size":10,"sha1":")" + std::string(h) + R"(","chunks":[[]]})",
      R"({"size":10,"sha1":")" + std::string(h) + R"(","chunks":[{"start":0,"end":10}]})",
  };
  for (const std::string& text : bad) {
    const auto parsed = Manifest::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, Errc::damaged) << text;
  }
}

TEST(Manifest, RefusesEveryTruncation) {
  const std::string text = manifest("10", chunk("0", "4") + "," + chunk("4", "10"));
  ASSERT_TRUE(Manifest::parse(text));
  for (std::size_t n = 0; n < text.size(); ++n) EXPECT_FALSE(Manifest::parse(text.substr(0, n))) << n;
}

TEST(Manifest, RefusesHugeText) {
  std::string text = manifest("10", chunk("0", "10"));
  text.append(limits::manifest_bytes, ' ');
  ASSERT_FALSE(Manifest::parse(text));
}

}  // namespace
}  // namespace kachery
