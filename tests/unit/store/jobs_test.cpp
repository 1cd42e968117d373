#include "store/jobs.h"

#include <gtest/gtest.h>
#include <signal.h>

#include "base/limits.h"
#include "support/failing_env.h"
#include "unit/store/store_fixture.h"
#include "unit/store/worker_pump.h"

namespace kachery {
namespace {

using namespace testing;

class JobsTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    store_.emplace(open_store());
    WorkerJobTable table;
    add_store_jobs(table, *store_);
    worker_ = Worker::start(std::move(table)).value();
    jobs_.emplace(*store_, *worker_);
  }

  template <class T = StoredFile, class Submit>
  Result<T> wait_for(Submit submit) {
    return await<T>(*worker_, submit);
  }

  Result<StoredFile> store_in_worker(const std::string& path) {
    return wait_for(
        [&](StoreJobs::Done<StoredFile> done) { return jobs_->store_file(path, {}, std::move(done)); });
  }

  Result<StoreJobs::RangeHash> hash(int fd, ByteRange range,
                                    std::optional<Sha1Hasher::Midstate> before = {}) {
    return wait_for<StoreJobs::RangeHash>([&](StoreJobs::Done<StoreJobs::RangeHash> done) {
      return jobs_->hash_range(fd, range, before, std::move(done));
    });
  }

  Result<StoredFile> commit(PartialFile& partial) {
    return wait_for(
        [&](StoreJobs::Done<StoredFile> done) { return jobs_->commit_partial(partial, std::move(done)); });
  }

  std::optional<Store> store_;
  std::unique_ptr<Worker> worker_;
  std::optional<StoreJobs> jobs_;
};

TEST_F(JobsTest, StoresFiles) {
  write_bytes(file("in\xff"), vector_bytes(20'000'001));
  std::uint64_t last = 0;
  const auto stored = wait_for([&](StoreJobs::Done<StoredFile> done) {
    return jobs_->store_file(
        file("in\xff"),
        [&](std::uint64_t now, std::uint64_t total) {
          EXPECT_GE(now, last);
          EXPECT_EQ(total, 20'000'001u);
          last = now;
        },
        std::move(done));
  });
  ASSERT_TRUE(stored) << stored.error().message;
  EXPECT_EQ(stored->sha1.hex(), "533e7ccdbef7a47c84c0aee7156db1d0bdf3cb94");
  ASSERT_TRUE(stored->manifest);
  EXPECT_EQ(stored->manifest->hex(), "ee873a47dc150b0ac09f1e49e7cbbf012516a77f");
  EXPECT_EQ(stored->size, 20'000'001u);
  expect_whole(root());
  EXPECT_EQ(store_in_worker(file("missing")).error().code, Errc::not_found);
}

TEST_F(JobsTest, LinksFilesThatAreAsTheClientSawThem) {
  write_bytes(file("in"), "hello");
  set_mtime(file("in"), 1'600'000'000, 500'000'000);
  const auto link = [&](std::uint64_t size, double mtime) {
    return wait_for([&](StoreJobs::Done<StoredFile> done) {
      return jobs_->link_file(file("in"), size, mtime, {}, std::move(done));
    });
  };
  EXPECT_EQ(link(4, 1'600'000'000.5).error().code, Errc::changed);
  EXPECT_EQ(link(5, 1'600'000'000.503).error().code, Errc::changed);
  EXPECT_EQ(link(5, 1'600'000'000.497).error().code, Errc::changed);
  const auto linked = link(5, 1'600'000'000.5015);
  ASSERT_TRUE(linked) << linked.error().message;
  EXPECT_EQ(store_->readable_path(linked->sha1), file("in"));
}

TEST_F(JobsTest, CommitsIncomingFiles) {
  const std::string bytes = vector_bytes(45'000'000);
  auto incoming = IncomingFile::create(*store_, 0);
  ASSERT_TRUE(incoming);
  ASSERT_TRUE(incoming->write(bytes));
  const auto stored = wait_for(
      [&](StoreJobs::Done<StoredFile> done) { return jobs_->commit(*std::move(incoming), std::move(done)); });
  ASSERT_TRUE(stored) << stored.error().message;
  EXPECT_EQ(stored->sha1.hex(), "fd3ed31b4c2efb277aa2593412f4590eafeb03d4");
  EXPECT_EQ(stored->manifest->hex(), "e63ba3e2845cbfc154b3c97d73f97aaa7ee7f366");
  expect_whole(root());
}

TEST_F(JobsTest, CommitsNamedIncomingFiles) {
  FailingEnv env;
  env.without_unnamed();
  const Store named = open_store(env);
  for (const bool cancel : {true, false}) {
    auto incoming = IncomingFile::create(named, 10);
    ASSERT_TRUE(incoming);
    ASSERT_TRUE(incoming->write("hello"));
    EXPECT_EQ(files_below(named.temporary_dir()).size(), 1u);
    if (cancel) {
      bool called = false;
      auto ticket = jobs_->commit(*std::move(incoming), [&](Result<StoredFile>) { called = true; });
      ticket.reset();
      EXPECT_FALSE(called);
    } else {
      const auto stored = wait_for([&](StoreJobs::Done<StoredFile> done) {
        return jobs_->commit(*std::move(incoming), std::move(done));
      });
      ASSERT_TRUE(stored) << stored.error().message;
      EXPECT_EQ(read_bytes(store_->path_of(stored->sha1)), "hello");
    }
    EXPECT_TRUE(files_below(named.temporary_dir()).empty());
  }
}

TEST_F(JobsTest, StoresBytes) {
  for (const std::string& bytes :
       {std::string(), std::string("hello"), std::string(3, '\0'), vector_bytes(500'000)}) {
    const auto stored = wait_for(
        [&](StoreJobs::Done<StoredFile> done) { return jobs_->store_bytes(bytes, std::move(done)); });
    ASSERT_TRUE(stored) << stored.error().message;
    EXPECT_EQ(read_bytes(store_->path_of(stored->sha1)), bytes);
  }
}

TEST_F(JobsTest, HashesRangesAndGoesOn) {
  const std::string bytes = vector_bytes(10'000'000);
  write_bytes(file("in"), bytes);
  const UniqueFd fd(::open(file("in").c_str(), O_RDONLY | O_CLOEXEC));
  const auto first = hash(fd.get(), {0, 6'400'000});
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->range, sha1_of(bytes.substr(0, 6'400'000)));
  EXPECT_EQ(first->prefix_digest, first->range);
  ASSERT_TRUE(first->prefix);
  const auto second = hash(fd.get(), {6'400'000, 10'000'000}, first->prefix);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->range, sha1_of(bytes.substr(6'400'000)));
  EXPECT_EQ(second->prefix_digest, sha1_of(bytes));
  const auto odd = hash(fd.get(), {0, 1001});
  ASSERT_TRUE(odd);
  EXPECT_FALSE(odd->prefix);
  EXPECT_EQ(odd->prefix_digest, sha1_of(bytes.substr(0, 1001)));
  // Without what comes before, only the range is known.
  const auto alone = hash(fd.get(), {64, 128});
  ASSERT_TRUE(alone);
  EXPECT_EQ(alone->range, sha1_of(bytes.substr(64, 64)));
  EXPECT_FALSE(alone->prefix);
  EXPECT_EQ(alone->prefix_digest, Sha1());

  EXPECT_EQ(hash(fd.get(), {0, 10'000'001}).error().code, Errc::changed);
  EXPECT_FALSE(hash(fd.get(), {128, 192}, first->prefix));
  EXPECT_FALSE(hash(-1, {0, 1}));
  EXPECT_EQ(hash(fd.get(), {0, 0})->range, sha1_of(""));
}

Manifest manifest_with_chunks(const std::string& bytes, std::uint64_t chunk_size) {
  Manifest manifest{bytes.size(), sha1_of(bytes), {}};
  for (std::uint64_t at = 0; at < bytes.size(); at += chunk_size) {
    const std::uint64_t end = std::min<std::uint64_t>(at + chunk_size, bytes.size());
    manifest.chunks.push_back({{at, end}, sha1_of(bytes.substr(at, end - at))});
  }
  return manifest;
}

TEST_F(JobsTest, CommitsPartialFiles) {
  const std::string bytes = vector_bytes(20'000'001);
  // As cut by us; in other chunks; without any.
  for (const std::uint64_t chunk_size : {20'000'000u, 7'000'000u, 20'000'001u}) {
    auto partial = PartialFile::open(*store_, manifest_with_chunks(bytes, chunk_size));
    ASSERT_TRUE(partial) << partial.error().message;
    ASSERT_TRUE(partial->write(0, bytes));
    const auto stored = commit(*partial);
    ASSERT_TRUE(stored) << stored.error().message;
    ASSERT_TRUE(stored->manifest);
    EXPECT_EQ(stored->manifest->hex(), "ee873a47dc150b0ac09f1e49e7cbbf012516a77f");
    EXPECT_EQ(mode_of(store_->path_of(stored->sha1)), 0644u);
    EXPECT_TRUE(files_below(store_->temporary_dir()).empty());
    expect_whole(root());
    partial->discard();  // too late
    EXPECT_TRUE(fs::exists(store_->path_of(stored->sha1)));
    fs::remove(store_->path_of(stored->sha1));
    fs::remove(store_->path_of(*stored->manifest));
  }
  auto small = PartialFile::open(*store_, manifest_with_chunks("hello", 5));
  ASSERT_TRUE(small);
  ASSERT_TRUE(small->write(0, "hello"));
  const auto stored = commit(*small);
  ASSERT_TRUE(stored) << stored.error().message;
  EXPECT_FALSE(stored->manifest);
  EXPECT_EQ(read_bytes(store_->path_of(stored->sha1)), "hello");
}

TEST_F(JobsTest, APartialFileOfUnknownChunksIsCheckedOnceMore) {
  const std::string bytes = vector_bytes(20'000'001);
  auto partial = PartialFile::open(*store_, manifest_with_chunks(bytes, bytes.size()));
  ASSERT_TRUE(partial);
  ASSERT_TRUE(partial->write(0, bytes.substr(0, 20'000'000)));
  const auto stored = commit(*partial);
  ASSERT_FALSE(stored);
  EXPECT_EQ(stored.error().code, Errc::damaged);
  EXPECT_FALSE(fs::exists(store_->path_of(sha1_of(bytes))));
}

TEST_F(JobsTest, RemovesStalePartialFiles) {
  { ASSERT_TRUE(PartialFile::open(*store_, manifest_with_chunks("hello", 5))); }
  const std::string partial_dir = store_->temporary_dir() + "/partial";
  for (const std::string& name : files_below(partial_dir)) set_mtime(partial_dir + "/" + name, 1'600'000'000);
  const auto freed = wait_for<std::uint64_t>([&](StoreJobs::Done<std::uint64_t> done) {
    return jobs_->remove_stale_partials(3600, std::move(done));
  });
  ASSERT_TRUE(freed) << freed.error().message;
  EXPECT_GT(*freed, 0u);
  EXPECT_TRUE(files_below(store_->temporary_dir()).empty());
}

TEST_F(JobsTest, CancellingAStoreLeavesNothing) {
  const UniqueFd big(::open(file("big").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  ASSERT_EQ(::ftruncate(big.get(), 2'000'000'000), 0);
  bool begun = false;
  auto ticket = jobs_->store_file(
      file("big"), [&](std::uint64_t, std::uint64_t) { begun = true; }, [](Result<StoredFile>) { FAIL(); });
  run_until(*worker_, [&] { return begun; });
  ticket.reset();
  EXPECT_TRUE(
      wait_for([&](StoreJobs::Done<StoredFile> done) { return jobs_->store_bytes("x", std::move(done)); }));
  EXPECT_EQ(files_below(root()).size(), 2u);  // the empty file, and x
}

TEST_F(JobsTest, AStoreIsDoneAgainWhenTheWorkerWasKilled) {
  write_bytes(file("in"), vector_bytes(100'000'000));
  std::optional<Result<StoredFile>> result;
  int reports = 0;
  const auto ticket = jobs_->store_file(
      file("in"),
      [&](std::uint64_t, std::uint64_t) {
        if (++reports == 1) ::kill(worker_->pid(), SIGKILL);
      },
      [&](Result<StoredFile> r) { result = std::move(r); });
  run_until(*worker_, [&] { return result.has_value(); });
  ASSERT_TRUE(*result) << result->error().message;
  EXPECT_GT(reports, 0);
  expect_whole(root());
  EXPECT_TRUE(files_below(store_->temporary_dir()).empty());
}

TEST_F(JobsTest, CommitsOutliveAWorkerToo) {
  std::vector<std::optional<Result<StoredFile>>> results(40);
  std::vector<WorkerTicketPtr> tickets;
  for (std::size_t i = 0; i < results.size(); ++i) {
    auto incoming = IncomingFile::create(*store_, 0);
    ASSERT_TRUE(incoming);
    ASSERT_TRUE(incoming->write(vector_bytes(10'000, i)));
    tickets.push_back(jobs_->commit(*std::move(incoming),
                                    [&results, i](Result<StoredFile> r) { results[i] = std::move(r); }));
  }
  const auto done = [&] {
    return std::count_if(results.begin(), results.end(), [](const auto& r) { return r.has_value(); });
  };
  run_until(*worker_, [&] { return done() >= 5; });
  ::kill(worker_->pid(), SIGKILL);
  run_until(*worker_, [&] { return done() == 40; });
  for (std::size_t i = 0; i < results.size(); ++i) {
    ASSERT_TRUE(*results[i]) << (*results[i]).error().message;
    EXPECT_EQ((*results[i])->sha1, sha1_of(vector_bytes(10'000, i)));
    EXPECT_EQ(read_bytes(store_->path_of((*results[i])->sha1)), vector_bytes(10'000, i));
  }
}

}  // namespace
}  // namespace kachery
