#include "api/stats_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kachery::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(StatsPage, ShowsNestedValues) {
  const std::string page = stats_page(Json::object({{"nodeId", "abc"},
                                                    {"sent", Json::object({{"total", 5}})},
                                                    {"nodes", Json::array({Json::object({{"x", true}})})},
                                                    {"none", Json::array()},
                                                    {"nothing", nullptr}}));
  EXPECT_THAT(page, HasSubstr("<th>nodeId</th><td>abc</td>"));
  EXPECT_THAT(page, HasSubstr("<th>total</th><td>5</td>"));
  EXPECT_THAT(page, HasSubstr("<th>x</th><td>true</td>"));
  EXPECT_THAT(page, HasSubstr("<th>none</th><td>none</td>"));
}

TEST(StatsPage, EscapesWhatPeersSay) {
  const std::string page = stats_page(Json::object({{"<b>", "<script>alert(\"&\")</script>"}}));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(&quot;&amp;&quot;)&lt;/script&gt;"));
  EXPECT_THAT(page, HasSubstr("<th>&lt;b&gt;</th>"));
}

}  // namespace
}  // namespace kachery::api
