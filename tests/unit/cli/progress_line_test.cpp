#include "cli/progress_line.h"

#include <gtest/gtest.h>

namespace kachery::cli {
namespace {

TEST(BytesText, UsesDecimalUnits) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(999), "999 B");
  EXPECT_EQ(bytes_text(1000), "1.0 kB");
  EXPECT_EQ(bytes_text(12'345'678), "12.3 MB");
  EXPECT_EQ(bytes_text(999'949), "999.9 kB");
  EXPECT_EQ(bytes_text(999'960), "1.0 MB");
  EXPECT_EQ(bytes_text(18'446'744'073'709'551'615u), "18.4 EB");
}

TEST(DurationText, RoundsUpToSeconds) {
  EXPECT_EQ(duration_text(milliseconds(0)), "0:00");
  EXPECT_EQ(duration_text(milliseconds(1)), "0:01");
  EXPECT_EQ(duration_text(milliseconds(75'000)), "1:15");
  EXPECT_EQ(duration_text(milliseconds(3'700'000)), "1:01:40");
  EXPECT_EQ(duration_text(milliseconds(-5)), "0:00");
}

TEST(RateMeter, SaysNothingAtFirst) {
  RateMeter meter;
  EXPECT_FALSE(meter.bytes_per_second());
  meter.report(milliseconds(0), 0);
  meter.report(milliseconds(100), 1000);
  EXPECT_FALSE(meter.bytes_per_second());
  meter.report(milliseconds(400), 4000);
  ASSERT_TRUE(meter.bytes_per_second());
  EXPECT_NEAR(*meter.bytes_per_second(), 10'000, 1);
}

TEST(RateMeter, FollowsChanges) {
  RateMeter meter;
  std::uint64_t done = 0;
  int now = 0;
  for (; now < 10'000; now += 100, done += 1000) meter.report(milliseconds(now), done);
  EXPECT_NEAR(*meter.bytes_per_second(), 10'000, 10);
  for (; now < 30'000; now += 100, done += 2000) meter.report(milliseconds(now), done);
  EXPECT_NEAR(*meter.bytes_per_second(), 20'000, 200);
  for (; now < 90'000; now += 100) meter.report(milliseconds(now), done);
  EXPECT_NEAR(*meter.bytes_per_second(), 0, 1);
}

TEST(RateMeter, StartsAnewWhenTheCountGoesBack) {
  RateMeter meter;
  meter.report(milliseconds(0), 1000);
  meter.report(milliseconds(1000), 2000);
  meter.report(milliseconds(2000), 10);
  EXPECT_FALSE(meter.bytes_per_second());
}

TEST(ProgressLine, ShowsEverythingWhereThereIsRoom) {
  EXPECT_EQ(progress_line("load", {50'000'000, 100'000'000, 10e6}, 80),
            "load  [===========>           ]   50%  50.0 MB of 100.0 MB  10.0 MB/s  0:05 left");
}

TEST(ProgressLine, LeavesOutTheLessImportantWhereItIsNarrow) {
  const ProgressState state{50'000'000, 100'000'000, 10e6};
  EXPECT_EQ(progress_line("load", state, 60), "[====>    ]   50%  50.0 MB of 100.0 MB  10.0 MB/s  0:05 left");
  EXPECT_EQ(progress_line("load", state, 25), " 50%  50.0 MB of 100.0 MB");
  EXPECT_EQ(progress_line("load", state, 10), "load   50%");
  EXPECT_EQ(progress_line("load", state, 3), "");
}

TEST(ProgressLine, FitsEveryWidthInEveryState) {
  const std::string label(30, 'x');
  for (const std::uint64_t total : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{123'456'789'012}}) {
    for (const std::uint64_t done : {std::uint64_t{0}, total / 3, total, total * 2 + 5}) {
      for (const std::optional<double>& rate :
           {std::optional<double>(), std::optional(0.0), std::optional(3e9)}) {
        for (unsigned columns = 0; columns <= 200; ++columns) {
          const std::string line = progress_line(label, {done, total, rate}, columns);
          EXPECT_LE(line.size(), columns);
          EXPECT_EQ(line.find_first_of("\r\n\t\x1b"), std::string::npos);
        }
      }
    }
  }
}

TEST(ProgressLine, KnowsNoShareOfAnUnknownTotal) {
  EXPECT_EQ(progress_line("load", {5'000'000, 0, 1e6}, 80), "load  5.0 MB  1.0 MB/s");
  EXPECT_EQ(progress_line("load", {5'000'000, 0, std::nullopt}, 80), "load  5.0 MB");
}

TEST(ProgressLine, IsNotCompleteBeforeTheEnd) {
  EXPECT_NE(progress_line("", {999'999, 1'000'000, std::nullopt}, 80).find(" 99%"), std::string::npos);
  EXPECT_NE(progress_line("", {1'000'000, 1'000'000, std::nullopt}, 80).find("100%"), std::string::npos);
  EXPECT_NE(progress_line("", {2'000'000, 1'000'000, std::nullopt}, 80).find("100%"), std::string::npos);
}

TEST(ProgressLine, GivesNoTimeWhenNothingMoves) {
  EXPECT_EQ(progress_line("", {1, 1000, 0.0}, 200).find("left"), std::string::npos);
}

}  // namespace
}  // namespace kachery::cli
