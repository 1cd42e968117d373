#include "reactor/loop.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace kachery {
namespace {

struct SocketPair {
  SocketPair() {
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    ours.reset(fds[0]);
    theirs.reset(fds[1]);
  }
  UniqueFd ours;
  UniqueFd theirs;
};

TEST(Loop, TimersComeInOrderOfTimeAndNotEarly) {
  Loop loop;
  std::string order;
  const milliseconds start = loop.monotonic();
  const auto slow = loop.after(milliseconds(30), [&] {
    EXPECT_GE(loop.monotonic() - start, milliseconds(29));  // whole milliseconds: the start was rounded down
    order += 'c';
    loop.stop();
  });
  const auto fast = loop.after(milliseconds(1), [&] { order += 'b'; });
  const auto now = loop.after(milliseconds(0), [&] { order += 'a'; });
  loop.run();
  EXPECT_EQ(order, "abc");
}

TEST(Loop, DestroyedTimerStaysSilent) {
  Loop loop;
  bool fired = false;
  auto victim = loop.after(milliseconds(1), [&] { fired = true; });
  const auto killer = loop.after(milliseconds(0), [&] { victim.reset(); });
  const auto end = loop.after(milliseconds(10), [&] { loop.stop(); });
  loop.run();
  EXPECT_FALSE(fired);
}

TEST(Loop, TimerMayDestroyItselfInItsCallback) {
  Loop loop;
  Scheduler::TimerPtr timer;
  std::string captured(100, 'x');
  timer = loop.after(milliseconds(0), [&, captured] {
    timer.reset();
    EXPECT_EQ(captured, std::string(100, 'x'));
    loop.stop();
  });
  loop.run();
  EXPECT_EQ(timer, nullptr);
}

TEST(Loop, TimerMayReplaceItselfInItsCallback) {
  Loop loop;
  Scheduler::TimerPtr timer;
  int count = 0;
  std::function<void()> tick = [&] {
    if (++count == 5) return loop.stop();
    timer = loop.after(milliseconds(0), tick);
  };
  timer = loop.after(milliseconds(0), tick);
  loop.run();
  EXPECT_EQ(count, 5);
}

TEST(Loop, DeferredCallsComeLaterInOrderAndBeforeTheLoopWaits) {
  Loop loop;
  std::string order;
  const auto watchdog = loop.after(milliseconds(0), [&] {
    loop.defer([&] { order += '1'; });
    loop.defer([&] {
      order += '2';
      loop.defer([&] {
        order += '4';
        loop.stop();
      });
    });
    loop.defer([&] { order += '3'; });
    order += '0';
  });
  loop.run();
  EXPECT_EQ(order, "01234");
}

TEST(Loop, DeferredBeforeRun) {
  Loop loop;
  loop.defer([&] { loop.stop(); });
  loop.run();
}

TEST(Loop, EndlessDeferringDoesNotStarveInput) {
  Loop loop;
  SocketPair pair;
  std::function<void()> again = [&] { loop.defer(again); };
  loop.defer(again);
  IoWatch watch(
      loop, pair.ours.get(), [&] { loop.stop(); }, nullptr);
  watch.want_read(true);
  ASSERT_EQ(::write(pair.theirs.get(), "x", 1), 1);
  loop.run();
}

TEST(Loop, RunsAgainAfterStop) {
  Loop loop;
  for (int i = 0; i < 3; ++i) {
    const auto timer = loop.after(milliseconds(0), [&] { loop.stop(); });
    loop.run();
  }
}

TEST(Loop, RunOnceDoesNotWait) {
  Loop loop;
  bool fired = false;
  const auto timer = loop.after(std::chrono::hours(1), [&] { fired = true; });
  bool deferred = false;
  loop.defer([&] { deferred = true; });
  loop.run_once();
  EXPECT_TRUE(deferred);
  EXPECT_FALSE(fired);
}

TEST(Loop, DeferredCallsLeftAtTheEndMayDeferMoreAsTheyGo) {
  bool dropped = false;
  {
    Loop loop;
    const std::shared_ptr<void> guard(nullptr, [&](void*) { loop.defer([&dropped] { dropped = true; }); });
    loop.defer([guard] {});
  }
  EXPECT_FALSE(dropped);
}

TEST(Loop, WritingToAClosedSocketIsNoSignal) {
  Loop loop;
  SocketPair pair;
  pair.theirs.reset();
  EXPECT_EQ(::write(pair.ours.get(), "x", 1), -1);
  EXPECT_EQ(errno, EPIPE);
}

TEST(IoWatch, ReportsOnlyWantedDirections) {
  Loop loop;
  SocketPair pair;
  int reads = 0;
  int writes = 0;
  IoWatch watch(
      loop, pair.ours.get(), [&] { ++reads; }, [&] { ++writes; });
  ASSERT_EQ(::write(pair.theirs.get(), "x", 1), 1);
  loop.run_once();
  EXPECT_EQ(reads + writes, 0);
  watch.want_write(true);
  loop.run_once();
  EXPECT_EQ(reads, 0);
  EXPECT_EQ(writes, 1);
  watch.want_write(false);
  watch.want_read(true);
  loop.run_once();
  loop.run_once();  // level-triggered: the byte is still there
  EXPECT_EQ(reads, 2);
  EXPECT_EQ(writes, 1);
  watch.want_read(false);
  loop.run_once();
  EXPECT_EQ(reads, 2);
}

TEST(IoWatch, CallbackMayDestroyItsWatch) {
  Loop loop;
  SocketPair pair;
  std::optional<IoWatch> watch;
  int calls = 0;
  const std::string captured(100, 'x');
  // Both directions are ready: the one that comes first destroys the watch, the other must not come.
  const auto once = [&, captured] {
    ++calls;
    watch.reset();
    pair.ours.reset();
    EXPECT_EQ(captured, std::string(100, 'x'));
  };
  watch.emplace(loop, pair.ours.get(), once, once);
  ASSERT_EQ(::write(pair.theirs.get(), "x", 1), 1);
  watch->want_read(true);
  watch->want_write(true);
  loop.run_once();
  loop.run_once();
  EXPECT_EQ(calls, 1);
}

TEST(IoWatch, OneCallbackMayDestroyAnotherWatchThatIsDue) {
  Loop loop;
  SocketPair pair;
  std::optional<IoWatch> a;
  std::optional<IoWatch> b;
  int calls = 0;
  a.emplace(loop, pair.ours.get(), nullptr, [&] {
    ++calls;
    b.reset();
  });
  b.emplace(loop, pair.theirs.get(), nullptr, [&] {
    ++calls;
    a.reset();
  });
  a->want_write(true);
  b->want_write(true);
  loop.run_once();
  EXPECT_EQ(calls, 1);
}

TEST(IoWatch, ReportsAClosedPeerAsReadable) {
  Loop loop;
  SocketPair pair;
  bool called = false;
  IoWatch watch(
      loop, pair.ours.get(), [&] { called = true; }, nullptr);
  watch.want_read(true);
  pair.theirs.reset();
  loop.run_once();
  EXPECT_TRUE(called);
}

TEST(SignalWatch, CallsBackFromTheLoop) {
  Loop loop;
  int calls = 0;
  std::optional<SignalWatch> watch;
  watch.emplace(loop, SIGUSR1, [&] {
    if (++calls == 2) {
      watch.reset();
      loop.stop();
    } else {
      ::raise(SIGUSR1);
    }
  });
  ::raise(SIGUSR1);
  EXPECT_EQ(calls, 0);
  loop.run();
  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace kachery
