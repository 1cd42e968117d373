#include "cli/progress_bar.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>

namespace kachery::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

// stderr is a terminal of 60 columns for the time of a test.
class OnTerminal : public testing::Test {
 protected:
  void SetUp() override {
    winsize size{};
    size.ws_col = 60;
    size.ws_row = 24;
    int terminal = -1;
    if (::openpty(&master_, &terminal, nullptr, nullptr, &size) != 0)
      GTEST_SKIP() << "no pseudo-terminals here";
    saved_ = ::dup(STDERR_FILENO);
    ::dup2(terminal, STDERR_FILENO);
    ::close(terminal);
    ::fcntl(master_, F_SETFL, O_NONBLOCK);
    ::setenv("TERM", "xterm", 1);
  }
  void TearDown() override {
    if (saved_ < 0) return;
    ::dup2(saved_, STDERR_FILENO);
    ::close(saved_);
    ::close(master_);
  }

  // What was drawn since the last time.
  std::string drawn() const {
    std::array<char, 65536> buffer{};
    const ssize_t got = ::read(master_, buffer.data(), buffer.size());
    return got <= 0 ? std::string() : std::string(buffer.data(), static_cast<std::size_t>(got));
  }

  ProgressBar::Clock clock() {
    return [this] { return milliseconds(now_); };
  }

  int now_ = 1'000'000;

 private:
  int master_ = -1;
  int saved_ = -1;
};

TEST_F(OnTerminal, DrawsAtMostTenTimesASecondAndFitsTheWidth) {
  ProgressBar bar("some-file.dat", true, clock());
  int draws = 0;
  for (std::uint64_t done = 0; done < 1000; ++done, now_ += 10) {
    bar.report(done * 1000, 1'000'000);
    const std::string text = drawn();
    if (text.empty()) continue;
    ++draws;
    EXPECT_THAT(text, testing::StartsWith("\r\x1b[K"));
    EXPECT_LT(text.size() - 4, 60u);
  }
  EXPECT_GE(draws, 90);
  EXPECT_LE(draws, 100);
}

TEST_F(OnTerminal, ShortWorkShowsNothing) {
  {
    ProgressBar bar("file", true, clock());
    bar.report(1, 2);
    now_ += 250;
    bar.report(2, 2);
    bar.finish();
  }
  EXPECT_EQ(drawn(), "");
}

TEST_F(OnTerminal, FinishingLeavesALineAboutTheWhole) {
  ProgressBar bar("file", true, clock());
  now_ += 2000;
  bar.report(4'000'000, 4'000'000);
  drawn();
  bar.finish();
  EXPECT_EQ(drawn(), "\r\x1b[Kfile: 4.0 MB in 0:02 (2.0 MB/s)\r\n");
}

TEST_F(OnTerminal, BreakingOffRemovesTheLine) {
  {
    ProgressBar bar("file", true, clock());
    now_ += 2000;
    bar.report(1, 2);
    EXPECT_THAT(drawn(), HasSubstr("50%"));
  }
  EXPECT_EQ(drawn(), "\r\x1b[K");
}

TEST_F(OnTerminal, NothingIsDrawnUnlessWanted) {
  ProgressBar quiet("file", false, clock());
  ::setenv("TERM", "dumb", 1);
  ProgressBar dumb("file", true, clock());
  now_ += 2000;
  quiet.report(1, 2);
  quiet.finish();
  dumb.report(1, 2);
  dumb.finish();
  EXPECT_EQ(drawn(), "");
}

}  // namespace
}  // namespace kachery::cli
