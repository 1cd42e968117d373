#include "api/public_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "store/writer.h"
#include "support/virtual_scheduler.h"
#include "unit/api/fake_exchange.h"
#include "unit/api/silent_network.h"

namespace kachery::api {
namespace {

using kachery::testing::FakeExchange;
using ::testing::HasSubstr;

std::string temporary_directory() {
  std::string name = (std::filesystem::temp_directory_path() / "kachery-public-XXXXXX").string();
  return ::mkdtemp(name.data());
}

class PublicApiTest : public ::testing::Test {
 protected:
  ~PublicApiTest() override { std::filesystem::remove_all(directory); }

  std::shared_ptr<FakeExchange> ask(std::string method, std::string path,
                                    std::vector<http1::Header> headers = {}, std::string body = {}) {
    auto exchange = std::make_shared<FakeExchange>(std::move(method), std::move(path), std::move(headers),
                                                   std::move(body));
    router.dispatch(exchange);
    clock.settle();
    return exchange;
  }
  // A stream of "hello world" for `remote`.
  std::string stream_path() {
    const auto stored = store_bytes(store, "hello world");
    EXPECT_TRUE(stored);
    const auto prepared = streams.prepare(remote, {{stored->sha1, {}, {}}, 0, {}});
    EXPECT_TRUE(prepared.stream_id);
    return "/download/" + node.own_id().hex() + "/" + remote.hex() + "/" + prepared.stream_id->str();
  }

  const std::string directory = temporary_directory();
  Store store = *Store::open(posix_env(), directory);
  kachery::testing::VirtualScheduler clock;
  kachery::testing::SilentHttp http;
  Node node{clock, http, KeyPair::generate(), kachery::testing::options_of_alice()};
  Streams streams{clock, store};
  const NodeId remote = KeyPair::generate().public_key();
  Router router{public_routes(node, streams), {true, 1'000'000, {}, {}}};
};

TEST_F(PublicApiTest, ProbeHasExactlyTheFieldsOfTheProtocol) {
  for (const auto& exchange : {ask("GET", "/probe"), ask("POST", "/Probe", {}, "{}")}) {
    EXPECT_EQ(exchange->status, 200);
    EXPECT_EQ(exchange->header("Kachery-Features"), "range");
    EXPECT_TRUE(ProbeResponse::from_json(exchange->json()));
    EXPECT_EQ(exchange->json().size(), 7u);
  }
}

TEST_F(PublicApiTest, RefusesRequestsThatAreNone) {
  for (const char* body : {"{}", "[]", "5", "{\"body\":{},\"signature\":\"\"}"}) {
    const auto exchange = ask("POST", "/nodeToNodeRequest", {}, body);
    EXPECT_EQ(exchange->status, 400) << body;
    EXPECT_NE(exchange->content, "");
  }
  EXPECT_EQ(ask("POST", "/NODETONODEREQUEST", {}, "{")->status, 400);
}

TEST_F(PublicApiTest, ServesAStreamWhole) {
  const auto exchange = ask("GET", stream_path());
  EXPECT_EQ(exchange->status, 200);
  EXPECT_EQ(exchange->file_offset, 0u);
  EXPECT_EQ(exchange->file_length, 11u);
  EXPECT_EQ(exchange->header("Kachery-Features"), "range");
}

TEST_F(PublicApiTest, ServesARange) {
  const auto exchange = ask("GET", stream_path(), {{"range", "bytes=6-8"}});
  EXPECT_EQ(exchange->status, 206);
  EXPECT_EQ(exchange->file_offset, 6u);
  EXPECT_EQ(exchange->file_length, 3u);
  EXPECT_EQ(exchange->header("Content-Range"), "bytes 6-8/11");
  EXPECT_EQ(ask("GET", stream_path(), {{"range", "bytes=6-"}})->file_length, 5u);
}

TEST_F(PublicApiTest, RefusesARangeBeyondTheEnd) {
  const auto exchange = ask("GET", stream_path(), {{"range", "bytes=11-"}});
  EXPECT_EQ(exchange->status, 416);
  EXPECT_EQ(exchange->header("Content-Range"), "bytes */11");
}

TEST_F(PublicApiTest, ServesAStreamToItsNodeOnly) {
  std::string path = stream_path();
  const std::string other = KeyPair::generate().public_key().hex();
  path.replace(path.find(remote.hex()), 64, other);
  const auto exchange = ask("GET", path);
  EXPECT_EQ(exchange->status, 500);
  EXPECT_THAT(exchange->content, HasSubstr("Unable to find download info for stream: "));
}

TEST_F(PublicApiTest, SaysWhenItKnowsNoSuchStream) {
  const std::string base = "/download/" + node.own_id().hex() + "/" + remote.hex() + "/";
  const auto unknown = ask("GET", base + "abcdefghij");
  EXPECT_EQ(unknown->status, 500);
  EXPECT_EQ(unknown->content, "Unable to find download info for stream: abcdefghij");
  EXPECT_EQ(ask("GET", base + "abc")->status, 500);
  EXPECT_EQ(ask("GET", "/download/x/y/z")->status, 500);
  EXPECT_EQ(ask("GET", "/download/x/y")->status, 404);
}

TEST_F(PublicApiTest, DoesNotRelay) {
  const auto exchange = ask("GET", "/download/" + remote.hex() + "/" + remote.hex() + "/abcdefghij");
  EXPECT_EQ(exchange->status, 500);
  EXPECT_EQ(exchange->content, "No proxy connection to node: " + remote.hex());
}

}  // namespace
}  // namespace kachery::api
