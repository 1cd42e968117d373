#include "codec/json_frames.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace kachery {
namespace {

Json json(std::string_view text) {
  return Json::parse(text).value();
}

// All frames of `stream`, fed in pieces of `size` bytes; the last is the error's word if there is one.
std::vector<std::string> frames_of(std::string_view stream, std::size_t size, std::size_t max = 1000) {
  JsonFrameReader reader(max);
  std::vector<std::string> out;
  for (std::size_t at = 0; at < stream.size(); at += size) {
    reader.feed(stream.substr(at, size));
    for (;;) {
      const auto frame = reader.next();
      if (!frame) {
        out.emplace_back(name_of(frame.error().code));
        EXPECT_FALSE(reader.next());
        return out;
      }
      if (!*frame) break;
      out.push_back((*frame)->text());
    }
  }
  if (!reader.empty()) out.emplace_back("unfinished");
  return out;
}

TEST(JsonFrames, WritesTheLengthInBytes) {
  EXPECT_EQ(json_frame(json("{}")), "2#{}");
  EXPECT_EQ(json_frame(Json("\xc3\xa9")), "4#\"\xc3\xa9\"");
}

TEST(JsonFrames, PiecesGiveWhatTheWholeGives) {
  const std::vector<std::string> values = {
      R"({"type":"progress","bytesLoaded":1})", "null", "[1,2,3]", "\"\xc3\xa9#12#\"", "5",
      "\"" + std::string(500, 'x') + "\""};
  std::string stream;
  for (const std::string& value : values) stream += json_frame(json(value));
  for (std::size_t size = 1; size <= stream.size(); size = size < 4 ? size + 1 : size * 2) {
    EXPECT_EQ(frames_of(stream, size), values) << size;
  }
  EXPECT_EQ(frames_of(stream, stream.size()), values);
}

TEST(JsonFrames, ManyFramesInOnePieceTakeTheirTimeOnce) {
  std::string stream;
  for (int i = 0; i < 300'000; ++i) stream += "1#7";
  EXPECT_EQ(frames_of(stream, stream.size()).size(), 300'000U);
}

TEST(JsonFrames, SaysWhenAFrameIsUnfinished) {
  for (const char* stream : {"1", "2#", "2#{", "12", "1#11"}) {
    EXPECT_EQ(frames_of(stream, 100).back(), "unfinished") << stream;
  }
  JsonFrameReader reader(10);
  EXPECT_TRUE(reader.empty());
  EXPECT_FALSE(reader.next().value());
}

TEST(JsonFrames, RefusesBadPrefixesAtOnce) {
  for (const char* stream :
       {"#", "x", "-1#", "+1#1", " 1#1", "1 #1", "1x", "0#", "01#1", "00", "{}", "1#1x", "\n"}) {
    for (const std::size_t size : {1U, 2U, 3U, 100U})
      EXPECT_EQ(frames_of(stream, size).back(), "invalid") << stream;
  }
}

TEST(JsonFrames, RefusesFramesBeyondItsLimitBeforeHoldingThem) {
  EXPECT_EQ(frames_of("3#\"x\"", 1, 3), std::vector<std::string>{"\"x\""});
  EXPECT_EQ(frames_of("4", 1, 3), std::vector<std::string>{"too_large"});
  for (const std::size_t size : {1U, 2U, 3U, 100U}) {
    EXPECT_EQ(frames_of("1001#", size), std::vector<std::string>{"too_large"});
    EXPECT_EQ(frames_of(std::string(100, '9'), size), std::vector<std::string>{"too_large"});
    EXPECT_EQ(frames_of("18446744073709551617#1", size), std::vector<std::string>{"too_large"});
  }
}

TEST(JsonFrames, ErrorsAreFinal) {
  JsonFrameReader reader(100);
  reader.feed(
      "1#1"
      "2#{x"
      "1#2");
  EXPECT_EQ(reader.next().value()->number(), 1);
  EXPECT_FALSE(reader.next());
  reader.feed("1#3");
  EXPECT_FALSE(reader.next());
}

}  // namespace
}  // namespace kachery
