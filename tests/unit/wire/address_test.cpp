#include "wire/address.h"

#include <gtest/gtest.h>

#include "codec/file_key.h"
#include "unit/wire/vectors.h"

namespace kachery {
namespace {

using testing::vectors;

template <class Check>
void expect_verdicts(std::string_view group, Check check) {
  const Json cases = vectors()["validation"][group];
  ASSERT_GT(cases.size(), 0U) << group;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    EXPECT_EQ(check(cases[i]["input"]), cases[i]["accepted"].boolean())
        << group << " " << cases[i]["input"].text();
  }
}

TEST(Validation, AgreesWithTheVectors) {
  expect_verdicts("nodeLabel", [](const Json& in) { return is_node_label(in.string()); });
  expect_verdicts("hostName", [](const Json& in) { return is_host_name(in.string()); });
  expect_verdicts("channelLabel", [](const Json& in) { return is_channel_label(in.string()); });
  expect_verdicts("url", [](const Json& in) { return is_url(in.string()); });
  expect_verdicts("address", [](const Json& in) { return Address::from_json(in).has_value(); });
  expect_verdicts("fileKey", [](const Json& in) { return FileKey::from_json(in).has_value(); });
  EXPECT_EQ(vectors()["validation"].size(), 6U);
}

TEST(Validation, CountsUrlsInUtf16Units) {
  std::string url = "http://";
  while (url.size() + 2 <= 7 + 2 * 493) url += "\xc3\xa9";  // 493 characters of two bytes
  EXPECT_TRUE(is_url(url));
  EXPECT_FALSE(is_url(url + "x"));
}

TEST(Validation, DaemonVersions) {
  EXPECT_TRUE(is_daemon_version("kachery-p2p-0.8.31"));
  EXPECT_FALSE(is_daemon_version("0.8"));
  EXPECT_FALSE(is_daemon_version(std::string(41, '1')));
  EXPECT_FALSE(is_daemon_version("version\n1"));
}

TEST(Validation, HostNamesAreBounded) {
  EXPECT_TRUE(is_host_name(std::string(1000, 'x')));
  EXPECT_FALSE(is_host_name(std::string(1001, 'x')));
}

TEST(Address, WritesWhatItReads) {
  for (const char* text : {R"({"hostName":"a.b","port":14507})", R"({"url":"https://a/base/"})",
                           R"({"hostName":"a","port":1.5})"}) {
    const auto address = Address::from_json(Json::parse(text).value());
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->json().text(), text);
  }
}

TEST(Address, BaseUrl) {
  EXPECT_EQ((Address{"h", 80, ""}.base_url()), "http://h:80");
  EXPECT_EQ((Address{"", 0, "https://a/base//"}.base_url()), "https://a/base");
}

TEST(Address, OnlyWholePortsAndPlainUrlsCanBeConnectedTo) {
  EXPECT_TRUE((Address{"h", 65535, ""}.connectable()));
  EXPECT_FALSE((Address{"h", 1.5, ""}.connectable()));
  EXPECT_FALSE((Address{"h", 0, ""}.connectable()));
  EXPECT_TRUE((Address{"", 0, "http://h:1/x"}.connectable()));
  for (const char* url : {"http://", "http:///x", "http://:80", "http://h x", "http://h\r\nA: b",
                          "http://h/?q", "http://u@h", "http://h/#f", "http://\xc3\xa9"}) {
    EXPECT_FALSE((Address{"", 0, url}.connectable())) << url;
  }
}

TEST(Address, NullIsNoAddress) {
  EXPECT_EQ(address_or_null(std::nullopt).value(), std::nullopt);
  EXPECT_EQ(address_or_null(Json(nullptr)).value(), std::nullopt);
  EXPECT_FALSE(address_or_null(Json("x")));
  EXPECT_TRUE(address_or_null(Json::object({{"url", "http://a"}})).value());
}

}  // namespace
}  // namespace kachery
