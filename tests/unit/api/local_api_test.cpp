#include "api/local_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "codec/json_frames.h"
#include "support/virtual_scheduler.h"
#include "unit/api/fake_exchange.h"
#include "unit/api/silent_network.h"

namespace kachery::api {
namespace {

using kachery::testing::FakeExchange;
using kachery::testing::SilentHttp;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* hello_sha1 = "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d";  // of "hello"

std::string temporary_directory() {
  std::string name = (std::filesystem::temp_directory_path() / "kachery-api-XXXXXX").string();
  return ::mkdtemp(name.data());
}

std::unique_ptr<Worker> start_worker(const Store& store) {
  WorkerJobTable table;
  add_store_jobs(table, store);
  add_mutables_jobs(table, store.root() + "/mutables.db");
  return *Worker::start(std::move(table));
}

class LocalApiTest : public ::testing::Test {
 protected:
  ~LocalApiTest() override { std::filesystem::remove_all(directory); }

  std::shared_ptr<FakeExchange> ask(std::string method, std::string path, std::string body = {}) {
    auto exchange = std::make_shared<FakeExchange>(std::move(method), std::move(path),
                                                   std::vector<http1::Header>(), std::move(body));
    router.dispatch(exchange);
    return exchange;
  }
  std::shared_ptr<FakeExchange> post(std::string path, const Json& body) {
    auto exchange = ask("POST", std::move(path), body.text());
    work();
    return exchange;
  }
  // An upload whose body the test sends; `size`: nothing for chunked.
  std::shared_ptr<FakeExchange> upload(std::optional<std::uint64_t> size) {
    auto exchange = std::make_shared<FakeExchange>("POST", "/store");
    exchange->request().framing = size ? http1::BodyFraming::length : http1::BodyFraming::chunked;
    exchange->request().content_length = size.value_or(0);
    router.dispatch(exchange);
    return exchange;
  }
  // Until the worker has nothing to do.
  void work() {
    clock.settle();
    while (worker->pending() > 0) {
      pollfd ready{worker->fd(), static_cast<short>(POLLIN | (worker->wants_write() ? POLLOUT : 0)), 0};
      ASSERT_EQ(::poll(&ready, 1, -1), 1);
      if ((ready.revents & POLLOUT) != 0) worker->on_writable();
      if ((ready.revents & ~POLLOUT) != 0) worker->on_readable();
      clock.settle();
    }
  }
  std::vector<Json> frames(const FakeExchange& exchange) {
    JsonFrameReader reader(1'000'000);
    reader.feed(exchange.content);
    std::vector<Json> out;
    for (;;) {
      auto frame = reader.next();
      EXPECT_TRUE(frame);
      if (!frame || !*frame) return out;
      out.push_back(**frame);
    }
  }
  std::string write_file(const std::string& name, const std::string& content) {
    const std::string path = directory + "/" + name;
    std::ofstream(path) << content;
    return path;
  }
  std::size_t scratch_files() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(store.temporary_dir())) {
      count += entry.is_regular_file() ? 1 : 0;
    }
    return count;
  }
  static Json key(std::string_view sha1) { return Json::object({{"sha1", sha1}}); }

  LocalApiContext context() {
    return {clock,
            node,
            store,
            jobs,
            loader,
            mutables,
            [] {
              return Traffic{7, 9};
            },
            [this] { ++halts; },
            [](const Json& name, const Json& value) -> Status {
              if (name.string() == "ours" && !value.is_array()) return fail(Errc::invalid, "must be a list");
              return {};
            },
            [this](const Json& name, const std::optional<Json>& value) {
              changes.push_back(name.text() + (value ? "=" + value->text() : " deleted"));
            }};
  }

  const std::string directory = temporary_directory();
  Store store = *Store::open(posix_env(), directory);
  std::unique_ptr<Worker> worker = start_worker(store);
  kachery::testing::VirtualScheduler clock;
  SilentHttp http;
  Node node{clock, http, KeyPair::generate(), kachery::testing::options_of_alice()};
  StoreJobs jobs{store, *worker};
  Loader loader{node, store, jobs};
  Mutables mutables{*worker};
  int halts = 0;
  std::vector<std::string> changes;
  LocalApi api{context()};
  Router router{api.routes(), {false, 1'000'000, [](std::string_view, Access) { return true; }, ""}};

  LocalApiTest() {
    // Authorization is the router's matter: here every request has a code.
    auto routes = api.routes();
    for (Route& route : routes) route.access = Access::open;
    router = Router(std::move(routes), {false, 1'000'000, {}, ""});
  }
};

TEST_F(LocalApiTest, EveryRouteButGetProbeNeedsACode) {
  for (const Route& route : api.routes()) {
    EXPECT_EQ(route.access == Access::open, route.path == "/probe" && route.method == "GET") << route.path;
  }
}

TEST_F(LocalApiTest, ProbeSaysWhoWeAre) {
  for (const auto& exchange : {ask("GET", "/probe"), ask("POST", "/probe", "{}")}) {
    EXPECT_EQ(exchange->status, 200);
    std::vector<std::string> names;
    for (const auto& [name, value] : exchange->json().members()) names.push_back(name);
    EXPECT_THAT(names, ::testing::UnorderedElementsAre("success", "protocolVersion", "daemonVersion",
                                                       "nodeId", "isBootstrapNode", "webSocketAddress",
                                                       "publicUdpSocketAddress", "joinedChannels",
                                                       "kacheryStorageDir"));
    EXPECT_EQ(exchange->json()["nodeId"].string(), node.own_id().hex());
    EXPECT_EQ(exchange->json()["kacheryStorageDir"].string(), store.root());
    EXPECT_TRUE(exchange->json()["joinedChannels"].is_array());
  }
}

TEST_F(LocalApiTest, HaltAnswersFirst) {
  const auto exchange = ask("GET", "/halt");
  EXPECT_TRUE(exchange->json()["success"].boolean());
  EXPECT_EQ(halts, 0);
  clock.settle();
  EXPECT_EQ(halts, 1);
}

TEST_F(LocalApiTest, StatsInBothForms) {
  const auto stats = ask("GET", "/stats");
  EXPECT_EQ(stats->json()["format"].string(), "json");
  EXPECT_EQ(stats->json()["stats"]["nodeId"].string(), node.own_id().hex());
  EXPECT_EQ(stats->json()["stats"]["totalBytesSent"]["http"].number(), 7);
  EXPECT_EQ(stats->json()["stats"]["totalBytesReceived"]["total"].number(), 9);
  EXPECT_TRUE(stats->json()["stats"]["remoteNodes"].is_array());

  const auto page = std::make_shared<FakeExchange>("GET", "/stats");
  page->request().query = "format=html";
  router.dispatch(page);
  EXPECT_THAT(page->header("Content-Type"), HasSubstr("text/html"));
  EXPECT_THAT(page->content, HasSubstr(node.own_id().hex()));
}

TEST_F(LocalApiTest, StatsRefusesOtherParameters) {
  for (const char* query : {"format=xml", "x=1", "format=json&x=1", "format"}) {
    const auto exchange = std::make_shared<FakeExchange>("GET", "/stats");
    exchange->request().query = query;
    router.dispatch(exchange);
    EXPECT_EQ(exchange->status, 500) << query;
  }
}

TEST_F(LocalApiTest, UnknownAndMissingFieldsAreErrors) {
  for (const char* path : {"/storeFile", "/linkFile", "/findFile", "/loadFile", "/downloadFileData",
                           "/mutable/get", "/mutable/set", "/mutable/delete"}) {
    const auto missing = post(path, Json::object());
    EXPECT_EQ(missing->status, 500) << path;
    EXPECT_NE(missing->content, "") << path;
    EXPECT_EQ(post(path, Json::array())->status, 500) << path;
  }
  EXPECT_EQ(post("/mutable/get", Json::object({{"key", 1}, {"more", 1}}))->status, 500);
  EXPECT_EQ(post("/loadFile", Json::object({{"fileKey", key(hello_sha1)}, {"x", 1}}))->status, 500);
  EXPECT_EQ(post("/loadFile", Json::object({{"fileKey", key(hello_sha1)}, {"fromNode", "abc"}}))->status,
            500);
  EXPECT_EQ(post("/findFile", Json::object({{"fileKey", key(hello_sha1)}, {"timeoutMsec", -1}}))->status,
            500);
}

TEST_F(LocalApiTest, StoresALocalFile) {
  const auto exchange = post("/storeFile", Json::object({{"localFilePath", write_file("a", "hello")}}));
  EXPECT_EQ(exchange->status, 200) << exchange->content;
  EXPECT_EQ(exchange->json()["sha1"].string(), hello_sha1);
  EXPECT_TRUE(exchange->json().contains("manifestSha1"));
  EXPECT_TRUE(exchange->json()["manifestSha1"].is_null());
  EXPECT_TRUE(store.size_of({*Sha1::parse(hello_sha1), {}, {}}));
}

TEST_F(LocalApiTest, RefusesPathsThatAreNotAbsolute) {
  for (const char* path : {"", "a", "./a", "../etc/passwd"}) {
    EXPECT_EQ(post("/storeFile", Json::object({{"localFilePath", path}}))->status, 500) << path;
  }
  EXPECT_EQ(post("/storeFile", Json::object({{"localFilePath", directory + "/missing"}}))->status, 500);
}

TEST_F(LocalApiTest, LinksALocalFileThatIsStillTheSame) {
  const std::string path = write_file("a", "hello");
  struct stat st {};
  ASSERT_EQ(::stat(path.c_str(), &st), 0);
  const double mtime = static_cast<double>(st.st_mtim.tv_sec) + static_cast<double>(st.st_mtim.tv_nsec) / 1e9;
  // Refused: inside the store's own directory.
  const std::string outside = temporary_directory();
  std::filesystem::copy(path, outside + "/a");
  ASSERT_EQ(::stat((outside + "/a").c_str(), &st), 0);
  const double outside_mtime =
      static_cast<double>(st.st_mtim.tv_sec) + static_cast<double>(st.st_mtim.tv_nsec) / 1e9;
  const auto request = [&](std::string_view file, double size, double time) {
    return Json::object({{"localFilePath", file}, {"size", size}, {"mtime", time}});
  };
  EXPECT_EQ(post("/linkFile", request(outside + "/a", 6, outside_mtime))->status, 500);
  EXPECT_EQ(post("/linkFile", request(outside + "/a", 5, outside_mtime + 1))->status, 500);
  EXPECT_EQ(post("/linkFile", request(outside + "/a", -5, outside_mtime))->status, 500);
  EXPECT_EQ(post("/linkFile", request(outside + "/a", 5.5, outside_mtime))->status, 500);
  EXPECT_EQ(post("/linkFile", request("a", 5, mtime))->status, 500);
  const auto linked = post("/linkFile", request(outside + "/a", 5, outside_mtime));
  EXPECT_EQ(linked->status, 200) << linked->content;
  EXPECT_EQ(linked->json()["sha1"].string(), hello_sha1);
  std::filesystem::remove_all(outside);
}

TEST_F(LocalApiTest, StoresAnUpload) {
  const auto exchange = upload(5);
  exchange->send_piece("he");
  exchange->send_piece("llo");
  exchange->send_end();
  EXPECT_FALSE(exchange->responded());
  work();
  EXPECT_EQ(exchange->status, 200);
  EXPECT_TRUE(exchange->json()["success"].boolean());
  EXPECT_EQ(exchange->json()["sha1"].string(), hello_sha1);
  EXPECT_EQ(scratch_files(), 0u);
}

TEST_F(LocalApiTest, StoresAnEmptyUploadInChunks) {
  const auto exchange = upload(std::nullopt);
  exchange->send_end();
  work();
  EXPECT_EQ(exchange->json()["sha1"].string(), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

TEST_F(LocalApiTest, AnUploadThatBreaksOffLeavesNothing) {
  const auto exchange = upload(1'000'000);
  exchange->send_piece(std::string(500'000, 'x'));
  exchange->go_away();
  work();
  EXPECT_EQ(scratch_files(), 0u);
  EXPECT_FALSE(exchange->responded());
}

TEST_F(LocalApiTest, AnUploadThatIsGivenUpWhileItIsSyncedLeavesNothing) {
  const auto exchange = upload(5);
  exchange->send_piece("hello");
  exchange->send_end();
  exchange->go_away();
  work();
  EXPECT_EQ(scratch_files(), 0u);
  EXPECT_FALSE(exchange->responded());
}

TEST_F(LocalApiTest, AnUploadThatCannotFitIsReadToItsEndAndRefused) {
  const auto exchange = upload(std::uint64_t{1} << 50);
  EXPECT_FALSE(exchange->responded());
  exchange->send_piece("whatever");
  exchange->send_end();
  work();
  EXPECT_EQ(exchange->status, 200);
  EXPECT_FALSE(exchange->json()["success"].boolean());
  EXPECT_NE(exchange->json()["error"].string(), "");
  EXPECT_TRUE(exchange->json()["sha1"].is_null());
  EXPECT_EQ(scratch_files(), 0u);
}

TEST_F(LocalApiTest, AnUploadThatCannotFitIsRefusedAtOnceIfTheClientAsksFirst) {
  const auto exchange = std::make_shared<FakeExchange>("POST", "/store");
  exchange->request().framing = http1::BodyFraming::length;
  exchange->request().content_length = std::uint64_t{1} << 60;
  exchange->request().expect_continue = true;
  router.dispatch(exchange);
  EXPECT_FALSE(exchange->json()["success"].boolean());
  EXPECT_EQ(exchange->json()["errorCode"].string(), "too_large");
  EXPECT_FALSE(exchange->streams_body());
}

TEST_F(LocalApiTest, GivesTheBytesOfALocalFile) {
  post("/storeFile", Json::object({{"localFilePath", write_file("a", "hello")}}));
  const auto all = post("/downloadFileData", Json::object({{"fileKey", key(hello_sha1)}}));
  EXPECT_EQ(all->status, 200);
  EXPECT_EQ(all->file_length, 5u);
  const auto part = post("/downloadFileData",
                         Json::object({{"fileKey", key(hello_sha1)}, {"startByte", 1}, {"endByte", 3}}));
  EXPECT_EQ(part->file_offset, 1u);
  EXPECT_EQ(part->file_length, 2u);
  for (const auto& [start, end] : {std::pair(3, 1), std::pair(0, 6), std::pair(-1, 2), std::pair(6, 6)}) {
    const auto bad =
        post("/downloadFileData",
             Json::object({{"fileKey", key(hello_sha1)}, {"startByte", start}, {"endByte", end}}));
    EXPECT_EQ(bad->status, 500) << start << " " << end;
  }
  const auto missing = post("/downloadFileData", Json::object({{"fileKey", key(std::string(40, '1'))}}));
  EXPECT_EQ(missing->status, 500);
  EXPECT_EQ(missing->header("Kachery-Error"), "not_found");
}

TEST_F(LocalApiTest, FindsItsOwnCopyFirst) {
  post("/storeFile", Json::object({{"localFilePath", write_file("a", "hello")}}));
  const auto exchange =
      ask("POST", "/findFile", Json::object({{"fileKey", key(hello_sha1)}, {"timeoutMsec", 1000}}).text());
  clock.advance(std::chrono::seconds(2));
  EXPECT_TRUE(exchange->finished);
  const auto found = frames(*exchange);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0]["nodeId"].string(), node.own_id().hex());
  EXPECT_EQ(found[0]["fileSize"].number(), 5);
  EXPECT_EQ(found[0]["fileKey"]["sha1"].string(), hello_sha1);
}

TEST_F(LocalApiTest, FindsNothingInAnEmptyNetwork) {
  const auto exchange =
      ask("POST", "/findFile", Json::object({{"fileKey", key(hello_sha1)}, {"timeoutMsec", 1e300}}).text());
  clock.advance(std::chrono::seconds(2));
  EXPECT_TRUE(exchange->finished);
  EXPECT_THAT(frames(*exchange), IsEmpty());
}

TEST_F(LocalApiTest, LoadingALocalFileFinishesAtOnce) {
  post("/storeFile", Json::object({{"localFilePath", write_file("a", "hello")}}));
  const auto exchange =
      ask("POST", "/loadFile", Json::object({{"fileKey", key(hello_sha1)}, {"fromNode", nullptr}}).text());
  work();
  clock.advance(std::chrono::seconds(1));
  ASSERT_TRUE(exchange->finished);
  const auto got = frames(*exchange);
  ASSERT_FALSE(got.empty());
  EXPECT_EQ(got.back()["type"].string(), "finished");
  EXPECT_EQ(got.back()["localFilePath"].string(), store.path_of(*Sha1::parse(hello_sha1)));
}

TEST_F(LocalApiTest, LoadingWhatNobodyHasEndsInAnErrorFrame) {
  const auto exchange = ask("POST", "/loadFile", Json::object({{"fileKey", key(hello_sha1)}}).text());
  work();
  clock.advance(std::chrono::minutes(1));
  ASSERT_TRUE(exchange->finished);
  const auto got = frames(*exchange);
  ASSERT_FALSE(got.empty());
  EXPECT_EQ(got.back()["type"].string(), "error");
  EXPECT_EQ(got.back()["errorCode"].string(), "not_found");
  EXPECT_NE(got.back()["error"].string(), "");
}

TEST_F(LocalApiTest, StoppingEndsLoadsWithTheReason) {
  const auto exchange = ask("POST", "/loadFile", Json::object({{"fileKey", key(hello_sha1)}}).text());
  api.stop(Error{Errc::cancelled, "the daemon is ending"});
  ASSERT_TRUE(exchange->finished);
  EXPECT_EQ(frames(*exchange).back()["error"].string(), "the daemon is ending");
  clock.advance(std::chrono::minutes(1));
  EXPECT_EQ(frames(*exchange).size(), 1u);
}

TEST_F(LocalApiTest, ALoadEndsWithItsClient) {
  const auto exchange = ask("POST", "/loadFile", Json::object({{"fileKey", key(hello_sha1)}}).text());
  exchange->go_away();
  clock.settle();
  work();
  clock.advance(std::chrono::minutes(1));
  EXPECT_EQ(exchange->content, "");  // not even the error that an abandoned load would end with
  EXPECT_FALSE(exchange->finished);
  EXPECT_EQ(loader.active(), 0u);
}

TEST_F(LocalApiTest, MutablesAreSetGotAndDeleted) {
  const Json name = Json::object({{"b", 1}, {"a", Json::array({true})}});
  EXPECT_FALSE(post("/mutable/get", Json::object({{"key", name}}))->json()["found"].boolean());
  EXPECT_EQ(post("/mutable/get", Json::object({{"key", name}}))->json()["value"].string(), "");
  EXPECT_TRUE(post("/mutable/set", Json::object({{"key", name}, {"value", 5}}))->json()["success"].boolean());
  EXPECT_EQ(post("/mutable/get", Json::object({{"key", name}}))->json()["value"].number(), 5);
  EXPECT_TRUE(post("/mutable/delete", Json::object({{"key", name}}))->json()["success"].boolean());
  EXPECT_FALSE(post("/mutable/get", Json::object({{"key", name}}))->json()["found"].boolean());
  EXPECT_THAT(changes, ElementsAre(HasSubstr("=5"), HasSubstr("deleted")));
}

TEST_F(LocalApiTest, ARefusedMutableLeavesTheOldValue) {
  EXPECT_EQ(post("/mutable/set", Json::object({{"key", "ours"}, {"value", Json::array({1})}}))->status, 200);
  const auto refused = post("/mutable/set", Json::object({{"key", "ours"}, {"value", 5}}));
  EXPECT_EQ(refused->status, 500);
  EXPECT_EQ(refused->content, "must be a list");
  EXPECT_TRUE(post("/mutable/get", Json::object({{"key", "ours"}}))->json()["value"].is_array());
  EXPECT_THAT(changes, ::testing::SizeIs(1));
}

}  // namespace
}  // namespace kachery::api
