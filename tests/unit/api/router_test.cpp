#include "api/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/api/fake_exchange.h"

namespace kachery::api {
namespace {

using kachery::testing::FakeExchange;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* code_header = "kachery-client-auth-code";

class RouterTest : public ::testing::Test {
 protected:
  Router make(bool fold_case, std::string cors_origin) {
    const auto keep = [this](Call call) {
      seen.push_back(std::move(call));
      seen.back().exchange->respond_text(200, "done");
    };
    return Router({{"GET", "/probe", Access::open, Body::ignored, keep},
                   {"POST", "/probe", Access::client_or_other, Body::json, keep},
                   {"POST", "/set", Access::client, Body::json, keep},
                   {"POST", "/mutable/get", Access::client_or_other, Body::json, keep},
                   {"POST", "/store", Access::client, Body::raw, keep},
                   {"GET", "/download/:from/:to/:stream", Access::open, Body::ignored, keep}},
                  {fold_case, 1000,
                   [](std::string_view code, Access access) {
                     return code == "present" || (code == "other" && access == Access::client_or_other);
                   },
                   std::move(cors_origin)});
  }
  std::shared_ptr<FakeExchange> ask(std::string method, std::string path,
                                    std::vector<http1::Header> headers = {}, std::string body = {}) {
    auto exchange = std::make_shared<FakeExchange>(std::move(method), std::move(path), std::move(headers),
                                                   std::move(body));
    router.dispatch(exchange);
    return exchange;
  }

  std::vector<Call> seen;
  Router router = make(false, "http://localhost:3000");
};

TEST_F(RouterTest, FindsTheRouteOfMethodAndPath) {
  EXPECT_EQ(ask("GET", "/probe")->status, 200);
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(ask("POST", "/mutable/get", {{code_header, "present"}}, "{\"key\":1}")->status, 200);
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[1].body["key"].number(), 1);
}

TEST_F(RouterTest, TakesParametersFromThePath) {
  EXPECT_EQ(ask("GET", "/download/Aa/b/c")->status, 200);
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_THAT(seen[0].parameters, ElementsAre("Aa", "b", "c"));
}

TEST_F(RouterTest, AnswersUnknownPathsWith404) {
  for (const char* path : {"/", "/prob", "/probe/", "/probe/x", "/PROBE", "/download/a/b",
                           "/download/a/b/c/d", "//probe", "*", ""}) {
    EXPECT_EQ(ask("GET", path)->status, 404) << path;
  }
  EXPECT_TRUE(seen.empty());
}

TEST_F(RouterTest, FoldsTheCaseOfPathsButNotOfParameters) {
  router = make(true, "");
  EXPECT_EQ(ask("GET", "/Download/Aa/B/c")->status, 200);
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_THAT(seen[0].parameters, ElementsAre("Aa", "B", "c"));
  EXPECT_EQ(ask("GET", "/pRoBe")->status, 200);
}

TEST_F(RouterTest, AnswersOtherMethodsWith405AndTheRightOnes) {
  const auto exchange = ask("DELETE", "/probe");
  EXPECT_EQ(exchange->status, 405);
  EXPECT_EQ(exchange->header("Allow"), "GET, POST");
  EXPECT_EQ(ask("GET", "/set")->status, 405);
  EXPECT_EQ(ask("get", "/probe")->status, 405);
}

TEST_F(RouterTest, DemandsAuthorizationBeforeItLooksAtTheBody) {
  const auto missing = ask("POST", "/set", {}, "no json");
  EXPECT_EQ(missing->status, 403);
  EXPECT_THAT(missing->content, HasSubstr("missing"));
  EXPECT_EQ(ask("POST", "/set", {{code_header, "wrong"}}, "{}")->status, 403);
  EXPECT_EQ(ask("POST", "/set", {{code_header, ""}}, "{}")->status, 403);
  EXPECT_EQ(ask("POST", "/set", {{code_header, "other"}}, "{}")->status, 403);
  EXPECT_TRUE(seen.empty());
  EXPECT_EQ(ask("POST", "/set", {{code_header, "present"}}, "{}")->status, 200);
  EXPECT_EQ(ask("POST", "/mutable/get", {{code_header, "other"}}, "{}")->status, 200);
}

TEST_F(RouterTest, RefusesMalformedJsonWithTheReason) {
  const auto exchange = ask("POST", "/set", {{code_header, "present"}}, "{\"a\":");
  EXPECT_EQ(exchange->status, 400);
  EXPECT_FALSE(exchange->content.empty());
  EXPECT_EQ(exchange->header("Kachery-Error"), "invalid");
}

TEST_F(RouterTest, TakesAnEmptyBodyAsAnEmptyObject) {
  EXPECT_EQ(ask("POST", "/set", {{code_header, "present"}})->status, 200);
  EXPECT_TRUE(seen.at(0).body.is_object());
}

TEST_F(RouterTest, RefusesBodiesOverTheLimit) {
  EXPECT_EQ(ask("POST", "/set", {{code_header, "present"}}, std::string(1001, ' '))->status, 413);
}

TEST_F(RouterTest, LeavesRawBodiesToTheHandler) {
  ask("POST", "/store", {{code_header, "present"}}, "not json");
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_TRUE(seen[0].body.is_null());
}

TEST_F(RouterTest, LetsTheOneOriginReadEveryAnswer) {
  for (const auto& exchange :
       {ask("GET", "/probe"), ask("GET", "/nothing"), ask("POST", "/set"), ask("PUT", "/probe")}) {
    EXPECT_EQ(exchange->header("Access-Control-Allow-Origin"), "http://localhost:3000");
    EXPECT_EQ(exchange->header("Vary"), "Origin");
  }
}

TEST_F(RouterTest, AnswersPreflights) {
  const auto exchange = ask("OPTIONS", "/mutable/get");
  EXPECT_EQ(exchange->status, 204);
  EXPECT_EQ(exchange->header("Access-Control-Allow-Methods"), "POST");
  EXPECT_THAT(exchange->header("Access-Control-Allow-Headers"), HasSubstr("KACHERY-CLIENT-AUTH-CODE"));
  EXPECT_EQ(exchange->header("Access-Control-Allow-Origin"), "http://localhost:3000");
  EXPECT_EQ(ask("OPTIONS", "/nothing")->status, 404);
}

TEST_F(RouterTest, WithoutAnOriginThereIsNoCors) {
  router = make(false, "");
  EXPECT_EQ(ask("GET", "/probe")->header("Access-Control-Allow-Origin"), "");
  EXPECT_EQ(ask("OPTIONS", "/probe")->status, 405);
}

}  // namespace
}  // namespace kachery::api
