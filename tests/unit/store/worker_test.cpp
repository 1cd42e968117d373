#include "store/worker.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "base/limits.h"
#include "unit/store/store_fixture.h"
#include "unit/store/worker_pump.h"

namespace kachery {
namespace {

using namespace testing;

class FunctionJob final : public WorkerJob {
 public:
  explicit FunctionJob(std::function<Step()> step) : step_(std::move(step)) {}
  Step step() override {
    ++steps_;
    return step_();
  }
  std::uint64_t done_bytes() const override { return steps_; }
  std::uint64_t total_bytes() const override { return 1'000'000; }

 private:
  std::function<Step()> step_;
  std::uint64_t steps_ = 0;
};

using JobPtr = std::unique_ptr<WorkerJob>;

JobPtr job(std::function<WorkerJob::Step()> step) {
  return std::make_unique<FunctionJob>(std::move(step));
}

// Leaves a mark when it is destroyed.
class MarkingJob final : public WorkerJob {
 public:
  explicit MarkingJob(std::string path) : path_(std::move(path)) {}
  ~MarkingJob() override { write_bytes(path_, "gone"); }
  Step step() override { return std::nullopt; }

 private:
  std::string path_;
};

std::string text_of(int fd) {
  std::string text(100, '\0');
  const ssize_t n = ::pread(fd, text.data(), text.size(), 0);
  text.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
  return text;
}

WorkerJobTable test_jobs() {
  WorkerJobTable table;
  table["echo"] = [](const Json& arguments, std::vector<UniqueFd>) -> Result<JobPtr> {
    return job([arguments] { return Result<Json>(arguments); });
  };
  table["fail"] = [](const Json& arguments, std::vector<UniqueFd>) -> Result<JobPtr> {
    return job([arguments]() -> WorkerJob::Step { return fail(Errc::damaged, "{}", arguments.string()); });
  };
  table["refuse"] = [](const Json&, std::vector<UniqueFd>) -> Result<JobPtr> {
    return fail(Errc::invalid, "no");
  };
  table["steps"] = [](const Json& arguments, std::vector<UniqueFd>) -> Result<JobPtr> {
    return job([left = arguments.number()]() mutable -> WorkerJob::Step {
      if (left > 0) return left -= 1, std::nullopt;
      return Result<Json>(Json("stepped"));
    });
  };
  table["for ever"] = [](const Json&, std::vector<UniqueFd>) -> Result<JobPtr> {
    return job([]() -> WorkerJob::Step { return std::nullopt; });
  };
  table["marking"] = [](const Json& arguments, std::vector<UniqueFd>) -> Result<JobPtr> {
    return std::make_unique<MarkingJob>(std::string(arguments.string()));
  };
  table["die"] = [](const Json&, std::vector<UniqueFd>) -> Result<JobPtr> {
    return job([]() -> WorkerJob::Step { ::_exit(7); });
  };
  // Dies the first time only: the file remembers.
  table["die once"] = [](const Json& arguments, std::vector<UniqueFd> fds) -> Result<JobPtr> {
    return job([path = std::string(arguments.string()),
                fds = std::make_shared<std::vector<UniqueFd>>(std::move(fds))]() -> WorkerJob::Step {
      if (fs::exists(path)) return Result<Json>(Json(text_of(fds->at(0).get())));
      write_bytes(path, "");
      ::raise(SIGKILL);
      return std::nullopt;
    });
  };
  table["read"] = [](const Json&, std::vector<UniqueFd> fds) -> Result<JobPtr> {
    Json texts = Json::array();
    for (const UniqueFd& fd : fds) texts.push(text_of(fd.get()));
    return job([texts] { return Result<Json>(texts); });
  };
  table["descriptors"] = [](const Json&, std::vector<UniqueFd>) -> Result<JobPtr> {
    Json open = Json::array();
    for (int fd = 0; fd < 1000; ++fd) {
      if (::fcntl(fd, F_GETFD) >= 0) open.push(fd);
    }
    return job([open] { return Result<Json>(open); });
  };
  table["signals"] = [](const Json&, std::vector<UniqueFd>) -> Result<JobPtr> {
    Json ignored = Json::array();
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGUSR1, SIGCHLD}) {
      struct sigaction action {};
      ::sigaction(number, nullptr, &action);
      ignored.push(action.sa_handler == SIG_IGN);
    }
    return job([ignored] { return Result<Json>(ignored); });
  };
  return table;
}

class WorkerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto started = Worker::start(test_jobs());
    ASSERT_TRUE(started) << started.error().message;
    worker_ = *std::move(started);
  }

  Result<Json> run(std::string_view kind, const Json& arguments = {}, std::vector<int> fds = {},
                   bool idempotent = true) {
    return await<Json>(*worker_, [&](std::function<void(Result<Json>)> done) {
      return worker_->submit(kind, arguments, fds, idempotent, {{}, std::move(done)});
    });
  }

  TemporaryDirectory directory_;
  std::unique_ptr<Worker> worker_;
};

UniqueFd memory_file(std::string_view text) {
  UniqueFd fd(::memfd_create("test", MFD_CLOEXEC));
  EXPECT_EQ(::write(fd.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  return fd;
}

TEST_F(WorkerTest, AnswersWithResultsAndErrors) {
  EXPECT_EQ(run("echo", Json::object({{"a", 1}}))->text(), R"({"a":1})");
  const auto failed = run("fail", "like this");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Errc::damaged);
  EXPECT_EQ(failed.error().message, "like this");
  EXPECT_EQ(run("refuse").error().code, Errc::invalid);
  EXPECT_EQ(run("no such job").error().code, Errc::internal);
  EXPECT_EQ(worker_->pending(), 0u);
}

TEST_F(WorkerTest, CarriesBigPayloadsBothWays) {
  for (const std::size_t size : {65'000u, 65'500u, 65'536u, 66'000u, 20'000'000u}) {
    const std::string text(size, 'x');
    const auto echoed = run("echo", text);
    ASSERT_TRUE(echoed) << echoed.error().message;
    EXPECT_EQ(echoed->string(), text);
  }
}

TEST_F(WorkerTest, HandsOverDescriptors) {
  UniqueFd a = memory_file("first");
  UniqueFd b = memory_file("second");
  EXPECT_EQ(run("read", {}, {a.get(), b.get()})->text(), R"(["first","second"])");
  // Also with a payload in a memfd, and though the lender closes them at once.
  std::optional<Result<Json>> result;
  const auto ticket = worker_->submit("read", std::string(100'000, 'x'), {b.get(), a.get()}, true,
                                      {{}, [&](Result<Json> r) { result = std::move(r); }});
  a.reset();
  b.reset();
  run_until(*worker_, [&] { return result.has_value(); });
  EXPECT_EQ((*result)->text(), R"(["second","first"])");
}

TEST_F(WorkerTest, RefusesDescriptorsThatAreNone) {
  EXPECT_EQ(run("read", {}, {-1}).error().code, Errc::io);
  const UniqueFd fd = memory_file("x");
  EXPECT_FALSE(run("read", {}, std::vector<int>(9, fd.get())));
  EXPECT_TRUE(run("read", {}, std::vector<int>(8, fd.get())));
}

TEST_F(WorkerTest, DoesManyJobs) {
  std::vector<WorkerTicketPtr> tickets;
  std::vector<int> done;
  for (int i = 0; i < 3000; ++i) {
    tickets.push_back(worker_->submit("echo", i, {}, true, {{}, [&done](Result<Json> r) {
                                                              ASSERT_TRUE(r);
                                                              done.push_back(static_cast<int>(r->number()));
                                                            }}));
  }
  EXPECT_EQ(worker_->pending(), 3000u);
  run_until(*worker_, [&] { return done.size() == 3000; });
  // Short jobs are done in order.
  EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
  EXPECT_FALSE(worker_->wants_write());
}

TEST_F(WorkerTest, RefusesJobsBeyondTheLimitLater) {
  std::vector<WorkerTicketPtr> tickets;
  std::size_t busy = 0;
  std::size_t good = 0;
  for (std::size_t i = 0; i < limits::worker_jobs + 10; ++i) {
    tickets.push_back(worker_->submit("echo", Json(), {}, true, {{}, [&](Result<Json> r) {
                                                                   if (r) {
                                                                     ++good;
                                                                   } else {
                                                                     EXPECT_EQ(r.error().code, Errc::busy);
                                                                     ++busy;
                                                                   }
                                                                 }}));
  }
  EXPECT_EQ(busy, 0u);
  EXPECT_TRUE(worker_->wants_write());
  run_until(*worker_, [&] { return busy + good == limits::worker_jobs + 10; });
  EXPECT_EQ(busy, 10u);
  EXPECT_TRUE(run("echo", 1));
}

TEST_F(WorkerTest, LongJobsDoNotHoldUpShortOnesNorTheOtherWayRound) {
  std::vector<WorkerTicketPtr> endless;
  for (int i = 0; i < 50; ++i) {
    endless.push_back(worker_->submit("for ever", {}, {}, true, {{}, [](Result<Json>) { FAIL(); }}));
  }
  for (int i = 0; i < 20; ++i) EXPECT_EQ(run("echo", i)->number(), i);
  EXPECT_EQ(run("steps", 20)->string(), "stepped");
}

TEST_F(WorkerTest, ReportsProgressNowAndThen) {
  std::uint64_t last = 0;
  int reports = 0;
  WorkerTicketPtr ticket;
  const auto progress = [&](std::uint64_t done, std::uint64_t total) {
    EXPECT_GT(done, last);
    EXPECT_EQ(total, 1'000'000u);
    last = done;
    // A progress callback may cancel.
    if (++reports == 3) ticket.reset();
  };
  const auto begun = std::chrono::steady_clock::now();
  ticket = worker_->submit("for ever", {}, {}, true, {progress, [](Result<Json>) { FAIL(); }});
  run_until(*worker_, [&] { return reports == 3; });
  EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(150));
  EXPECT_TRUE(run("echo", 1));
  EXPECT_EQ(reports, 3);
}

TEST_F(WorkerTest, CancellingEndsTheJob) {
  auto ticket = worker_->submit("marking", directory_ / "mark", {}, true, {{}, [](Result<Json>) { FAIL(); }});
  EXPECT_TRUE(run("echo", 1));
  EXPECT_FALSE(fs::exists(directory_ / "mark"));
  ticket.reset();
  EXPECT_EQ(worker_->pending(), 0u);
  EXPECT_TRUE(run("echo", 1));  // comes after the cancellation
  EXPECT_TRUE(fs::exists(directory_ / "mark"));
}

TEST_F(WorkerTest, CancellingBeforeItIsSentOrAfterItIsDone) {
  std::vector<WorkerTicketPtr> tickets;
  int done = 0;
  for (int i = 0; i < 1000; ++i) {
    tickets.push_back(worker_->submit("echo", i, {}, true, {{}, [&](Result<Json>) { ++done; }}));
  }
  for (std::size_t i = 0; i < tickets.size(); i += 2) tickets[i].reset();
  run_until(*worker_, [&] { return done == 500; });
  EXPECT_EQ(worker_->pending(), 0u);
  tickets.clear();
  EXPECT_TRUE(run("echo", 1));
  EXPECT_EQ(done, 500);
}

TEST_F(WorkerTest, CallbacksMayDestroyTheWorker) {
  const auto ticket = worker_->submit("echo", 1, {}, true, {{}, [&](Result<Json>) { worker_.reset(); }});
  const auto other = worker_->submit("echo", 1, {}, true, {{}, [](Result<Json>) { FAIL(); }});
  while (worker_) turn(*worker_);
}

TEST_F(WorkerTest, TicketsMayOutliveTheWorker) {
  auto ticket = worker_->submit("for ever", {}, {}, true, {{}, [](Result<Json>) { FAIL(); }});
  const int pid = worker_->pid();
  worker_.reset();
  ticket.reset();
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST_F(WorkerTest, EndingItCleansUpUnfinishedJobs) {
  auto ticket = worker_->submit("marking", directory_ / "mark", {}, true, {{}, [](Result<Json>) { FAIL(); }});
  EXPECT_TRUE(run("echo", 1));
  worker_.reset();
  EXPECT_TRUE(fs::exists(directory_ / "mark"));
}

TEST_F(WorkerTest, AWorkerThatWasKilledIsReplaced) {
  int changes = 0;
  worker_->interest_changed = [&] { ++changes; };
  const UniqueFd fd = memory_file("kept");
  std::vector<WorkerTicketPtr> tickets;
  std::optional<Result<Json>> repeated;
  std::optional<Result<Json>> failed;
  std::optional<Result<Json>> queued;
  tickets.push_back(worker_->submit("steps", 20'000, {}, true, {{}, [&](Result<Json> r) { repeated = r; }}));
  tickets.push_back(worker_->submit("for ever", {}, {}, false, {{}, [&](Result<Json> r) { failed = r; }}));
  ASSERT_TRUE(run("echo", 1));
  const int before = worker_->pid();
  ::kill(before, SIGKILL);
  tickets.push_back(worker_->submit("read", {}, {fd.get()}, true, {{}, [&](Result<Json> r) { queued = r; }}));
  run_until(*worker_, [&] { return repeated && failed && queued; });
  EXPECT_NE(worker_->pid(), before);
  EXPECT_GT(changes, 0);
  ASSERT_TRUE(*repeated) << repeated->error().message;
  EXPECT_EQ((*repeated)->string(), "stepped");
  ASSERT_FALSE(*failed);
  EXPECT_EQ(failed->error().code, Errc::io);
  EXPECT_EQ((*queued)->text(), R"(["kept"])");
  EXPECT_EQ(::waitpid(before, nullptr, WNOHANG), -1) << "it was not reaped";
}

TEST_F(WorkerTest, AJobIsTriedTwice) {
  UniqueFd fd = memory_file("kept");
  std::optional<Result<Json>> result;
  const auto ticket = worker_->submit("die once", directory_ / "died", {fd.get()}, true,
                                      {{}, [&](Result<Json> r) { result = std::move(r); }});
  fd.reset();
  run_until(*worker_, [&] { return result.has_value(); });
  ASSERT_TRUE(*result) << result->error().message;
  EXPECT_EQ((*result)->string(), "kept");

  const auto deadly = run("die");
  ASSERT_FALSE(deadly);
  EXPECT_EQ(deadly.error().code, Errc::io);
  EXPECT_TRUE(run("echo", 1));
}

TEST_F(WorkerTest, DyingAgainAndAgainComesToRest) {
  for (int i = 0; i < 10; ++i) {
    const auto deadly = run("die", {}, {}, i % 2 == 0);
    ASSERT_FALSE(deadly);
    EXPECT_EQ(deadly.error().code, Errc::io);
  }
  const int pid = worker_->pid();
  for (int i = 0; i < 5; ++i) turn(*worker_, 0);
  EXPECT_EQ(worker_->pid(), pid);
  EXPECT_TRUE(run("echo", 1));
}

TEST_F(WorkerTest, HasOnlyItsSocketAndStderr) {
  const UniqueFd secret = memory_file("secret");
  EXPECT_EQ(run("descriptors")->text(), "[0,1,2,3]");
  ::kill(worker_->pid(), SIGKILL);
  EXPECT_EQ(run("descriptors")->text(), "[0,1,2,3]");
  EXPECT_EQ(run("signals")->text(), "[true,true,true,true,false,false]");
}

TEST_F(WorkerTest, OutlastsTheSignalsOfATerminal) {
  ASSERT_TRUE(run("echo", 1));
  const int pid = worker_->pid();
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::kill(pid, number);
  EXPECT_TRUE(run("echo", 1));
  EXPECT_EQ(worker_->pid(), pid);
}

}  // namespace
}  // namespace kachery
