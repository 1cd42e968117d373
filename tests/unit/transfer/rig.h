// A loader over a real store in a temporary folder, a real store worker, and a fake network.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "store/jobs.h"
#include "store/store.h"
#include "transfer/loader.h"
#include "unit/transfer/fake_network.h"

namespace kachery::testing {

// `size` bytes that are not the same at any two of its multiples of 4096.
inline std::string sample_bytes(std::size_t size, unsigned seed = 1) {
  std::string bytes(size, '\0');
  std::uint64_t x = seed * 0x9e3779b97f4a7c15ULL + 1;
  for (char& c : bytes) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    c = static_cast<char>(x & 0xff);
  }
  return bytes;
}

// The manifest of `bytes` in chunks of `chunk` bytes.
inline Manifest manifest_for(const std::string& bytes, std::size_t chunk) {
  Manifest manifest{bytes.size(), sha1_of(bytes), {}};
  for (std::size_t at = 0; at < bytes.size(); at += chunk) {
    const std::string part = bytes.substr(at, chunk);
    manifest.chunks.push_back({{at, at + part.size()}, sha1_of(part)});
  }
  return manifest;
}

inline std::string slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "kachery-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class Rig : public ::testing::Test {
 public:
  // A load as a client sees it.
  struct Client {
    std::unique_ptr<Loader::Watcher> watcher;
    std::optional<Result<std::string>> result;
    std::vector<LoadProgress> progress;
    std::vector<milliseconds> progress_times;

    Errc code() const { return result && !*result ? result->error().code : Errc::internal; }
    std::string message() const { return result && !*result ? result->error().message : ""; }
  };

 protected:
  explicit Rig(Env& env = posix_env()) : store(Store::open(env, folder.path()).value()) {
    WorkerJobTable table;
    add_store_jobs(table, store);
    worker = Worker::start(std::move(table)).value();
    jobs = std::make_unique<StoreJobs>(store, *worker);
    restart();
  }
  ~Rig() override { stop(); }

  // A new loader, as after a restart of the daemon.
  void restart() {
    stop();
    loader = std::make_unique<Loader>(network, store, *jobs);
  }
  void stop() {
    loader.reset();
    clock.settle();
  }

  std::unique_ptr<Client> load(const FileKey& key, std::optional<NodeId> only_from = std::nullopt) {
    auto client = std::make_unique<Client>();
    Client* const c = client.get();
    c->watcher = loader->load(key, only_from,
                              {[this, c](const LoadProgress& progress) {
                                 c->progress.push_back(progress);
                                 c->progress_times.push_back(clock.monotonic());
                               },
                               [c](Result<std::string> path) {
                                 EXPECT_FALSE(c->result) << "done() came twice";
                                 c->result = std::move(path);
                               }});
    EXPECT_FALSE(c->result) << "done() must come later";
    return client;
  }

  // Lets jobs and time go on until `condition`; false if an hour has passed without it.
  bool run_until(const std::function<bool()>& condition) {
    const milliseconds end = clock.monotonic() + std::chrono::hours(1);
    while (true) {
      clock.settle();
      if (condition()) return true;
      if (worker->pending() > 0 || worker->wants_write()) {
        const short events = static_cast<short>(POLLIN | (worker->wants_write() ? POLLOUT : 0));
        pollfd waiting{worker->fd(), events, 0};
        ::poll(&waiting, 1, -1);
        if ((waiting.revents & POLLOUT) != 0) worker->on_writable();
        if ((waiting.revents & (POLLIN | POLLHUP)) != 0) worker->on_readable();
        continue;
      }
      if (clock.monotonic() >= end) return false;
      clock.advance(milliseconds(1));
    }
  }
  void run(Client& client) {
    ASSERT_TRUE(run_until([&] { return client.result.has_value(); })) << "the load never ended";
  }

  void expect_loaded(const Client& client, const std::string& bytes) {
    ASSERT_TRUE(client.result);
    ASSERT_TRUE(*client.result) << client.message();
    EXPECT_EQ(**client.result, store.path_of(sha1_of(bytes)));
    EXPECT_TRUE(slurp(**client.result) == bytes);
    EXPECT_TRUE(partial_files().empty());
  }

  std::vector<std::string> partial_files() const {
    std::vector<std::string> names;
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path() + "/tmp/partial", none)) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }

  TemporaryFolder folder;
  VirtualScheduler clock;
  FakeNetwork network{clock};
  Store store;
  std::unique_ptr<Worker> worker;
  std::unique_ptr<StoreJobs> jobs;
  std::unique_ptr<Loader> loader;
};

}  // namespace kachery::testing
