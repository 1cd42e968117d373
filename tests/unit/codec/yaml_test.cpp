#include "codec/yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/limits.h"

namespace kachery {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string text_of(std::string_view yaml) {
  const auto value = parse_yaml(yaml);
  return value ? value->text() : value.error().message;
}

std::string refusal(std::string_view yaml) {
  const auto value = parse_yaml(yaml);
  return value ? "accepted: " + value->text() : value.error().message;
}

TEST(Yaml, ReadsAChannelFile) {
  EXPECT_EQ(text_of("channelLabel: my-channel            # channel label\n"
                    "bootstrapAddresses:\n"
                    "  - hostName: 203.0.113.5\n"
                    "    port: 14507\n"
                    "  - url: https://example.org/base\n"
                    "authorizedNodes:\n"
                    "  - nodeId: bdf84ecc507397a15b5e90defe8ea631ce605055fcbb5078ce8493ed187e50ae\n"
                    "    nodeLabel: alice\n"
                    "    isAdmin: false\n"
                    "    isMessageProxy: true\n"),
            R"({"channelLabel":"my-channel","bootstrapAddresses":[{"hostName":"203.0.113.5","port":14507},)"
            R"({"url":"https://example.org/base"}],"authorizedNodes":[{"nodeId":)"
            R"("bdf84ecc507397a15b5e90defe8ea631ce605055fcbb5078ce8493ed187e50ae","nodeLabel":"alice",)"
            R"("isAdmin":false,"isMessageProxy":true}]})");
}

TEST(Yaml, PlainScalarsFollowTheCoreSchema) {
  const std::pair<const char*, const char*> cases[] = {
      {"~", "null"},
      {"null", "null"},
      {"NULL", "null"},
      {"nUll", "\"nUll\""},
      {"true", "true"},
      {"True", "true"},
      {"FALSE", "false"},
      {"yes", "\"yes\""},
      {"off", "\"off\""},
      {"14507", "14507"},
      {"-7", "-7"},
      {"+7", "7"},
      {"007", "7"},
      {"0o17", "15"},
      {"0x1F", "31"},
      {"0o8", "\"0o8\""},
      {"0x", "\"0x\""},
      {"-0x1", "\"-0x1\""},
      {"1.5", "1.5"},
      {"1.", "1"},
      {".5", "0.5"},
      {"-.5e+2", "-50"},
      {"1e3", "1000"},
      {"12e03", "12000"},
      {".", "\".\""},
      {"e3", "\"e3\""},
      {"1e", "\"1e\""},
      {"1.2.3", "\"1.2.3\""},
      {"127.0.0.1", "\"127.0.0.1\""},
      {"1_000", "\"1_000\""},
      {"-", "[null]"},
      {"2020-01-01", "\"2020-01-01\""},
      {"12:30", "\"12:30\""},
      {"a b", "\"a b\""},
      {"- -", "[[null]]"},
      {"1 2", "\"1 2\""},
      {"--1", "\"--1\""},
      {"+-1", "\"+-1\""},
  };
  for (const auto& [yaml, json] : cases) EXPECT_EQ(text_of(yaml), json) << yaml;
}

TEST(Yaml, QuotedScalarsAreStrings) {
  EXPECT_EQ(text_of("'14507'"), "\"14507\"");
  EXPECT_EQ(text_of("\"true\""), "\"true\"");
  EXPECT_EQ(text_of("''"), "\"\"");
  EXPECT_EQ(text_of("|\n  5\n"), "\"5\\n\"");
  EXPECT_EQ(text_of(">-\n  a\n  b\n"), "\"a b\"");
  EXPECT_EQ(text_of("\"\\u00e9\\0\""), "\"\xc3\xa9\\u0000\"");
}

TEST(Yaml, NothingIsNull) {
  EXPECT_EQ(text_of(""), "null");
  EXPECT_TRUE(parse_yaml(std::string_view()).value().is_null());
  EXPECT_EQ(text_of("# only a comment\n"), "null");
  EXPECT_EQ(text_of("---\n"), "null");
  EXPECT_EQ(text_of("a:\nb: [,]\n").substr(0, 14), "not valid YAML");
  EXPECT_EQ(text_of("a:\nb:\n"), R"({"a":null,"b":null})");
}

TEST(Yaml, JsonIsYaml) {
  EXPECT_EQ(text_of(R"({"a": [1, "2", {"b": null}], "c": true})"), R"({"a":[1,"2",{"b":null}],"c":true})");
}

TEST(Yaml, KeysAreTheirText) {
  EXPECT_EQ(text_of("5: a\ntrue: b\n~: c\n'': d\n<<: e\n"),
            R"({"5":"a","true":"b","~":"c","":"d","<<":"e"})");
}

TEST(Yaml, CoreTagsChooseTheType) {
  EXPECT_EQ(text_of("!!str 5"), "\"5\"");
  EXPECT_EQ(text_of("! 5"), "\"5\"");
  EXPECT_EQ(text_of("!!int '5'"), "5");
  EXPECT_EQ(text_of("!!float 5"), "5");
  EXPECT_EQ(text_of("!!null ''"), "null");
  EXPECT_EQ(text_of("!!bool 'true'"), "true");
  EXPECT_EQ(text_of("!!map {a: !!seq [1]}"), R"({"a":[1]})");
  EXPECT_THAT(refusal("!!int x"), HasSubstr("not what its tag"));
  EXPECT_THAT(refusal("!!int 1.5"), HasSubstr("not what its tag"));
  EXPECT_THAT(refusal("!!seq 5"), HasSubstr("tag"));
  EXPECT_THAT(refusal("!!seq {a: 1}"), HasSubstr("tag"));
}

TEST(Yaml, RefusesOtherTags) {
  for (const char* yaml : {"!mine 5", "!!binary aGk=", "!!python/object:x {}", "!!set {a}", "[!<x> 1]"}) {
    EXPECT_THAT(refusal(yaml), HasSubstr("tag")) << yaml;
  }
}

TEST(Yaml, SaysWhere) {
  EXPECT_THAT(refusal("a: 1\nb: [1, 2\nc: 3\n"), AllOf(HasSubstr("line 3"), HasSubstr("column")));
  EXPECT_THAT(refusal("a: 1\nb: 2\na: 3\n"),
              AllOf(HasSubstr("line 3, column 1"), HasSubstr("\"a\" is there twice")));
  EXPECT_THAT(refusal("a: &x 1\nb: *x\n"), AllOf(HasSubstr("line 2, column 4"), HasSubstr("aliases")));
  EXPECT_THAT(refusal("a: 1\n---\nb: 2\n"), AllOf(HasSubstr("line 2, column 1"), HasSubstr("one document")));
  EXPECT_THAT(refusal("a: 1\nb: \xff\n"), AllOf(HasSubstr("line 2, column 4"), HasSubstr("UTF-8")));
  EXPECT_THAT(refusal("\tx: 1"), HasSubstr("line 1"));
}

TEST(Yaml, RefusesWhatJsonCannotHold) {
  for (const char* yaml : {".inf", "-.INF", "+.Inf", ".nan", ".NaN", "1e999", "0xffffffffffffffffff"}) {
    EXPECT_THAT(refusal(yaml), HasSubstr("quote it")) << yaml;
  }
  EXPECT_THAT(refusal("? [a]\n: 1\n"), HasSubstr("key must be a simple value"));
  EXPECT_THAT(refusal("{{a: 1}: 2}"), HasSubstr("key must be a simple value"));
  EXPECT_THAT(refusal("\"a\\0\": 1"), HasSubstr("NUL"));
}

TEST(Yaml, RefusesBadBytes) {
  using namespace std::string_view_literals;
  for (const std::string_view yaml : {"\xff"sv, "a\0b"sv,
                                      "\xff\xfe"
                                      "a\0"sv,
                                      "\xed\xa0\x80"sv, "\"\\ud800\""sv, "a: \x07"sv}) {
    EXPECT_THAT(refusal(yaml), HasSubstr("not valid YAML")) << yaml;
  }
}

TEST(Yaml, HasLimits) {
  const std::size_t depth = limits::yaml_depth;
  EXPECT_TRUE(parse_yaml(std::string(depth, '[') + std::string(depth, ']')));
  EXPECT_THAT(refusal(std::string(depth + 1, '[') + std::string(depth + 1, ']')), HasSubstr("nest deeper"));
  EXPECT_THAT(refusal(std::string(1'000'000, '[')), HasSubstr("nest deeper"));

  std::string many;
  for (std::size_t i = 0; i < limits::yaml_nodes; ++i) many += "- a\n";
  EXPECT_THAT(refusal(many), HasSubstr("at most 200000 values"));

  EXPECT_EQ(text_of("%YAML 1.2\n%TAG !e! tag:yaml.org,2002:\n---\n!e!str 5\n"), "\"5\"");
  for (const char* line_end : {"\n", "\r", "\r\n", "\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9"}) {
    std::string directives;
    for (int i = 0; i < 50'000; ++i) directives += "%TAG !" + std::to_string(i) + "! a" + line_end;
    EXPECT_THAT(refusal(directives), HasSubstr("begin with %"));
  }

  EXPECT_EQ(parse_yaml(std::string(limits::yaml_bytes, '#')).value().text(), "null");
  const auto long_text = parse_yaml(std::string(limits::yaml_bytes + 1, '#'));
  ASSERT_FALSE(long_text);
  EXPECT_EQ(long_text.error().code, Errc::too_large);
}

}  // namespace
}  // namespace kachery
