#include "codec/uri.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kachery {
namespace {

using ::testing::HasSubstr;

const std::string a40(40, 'a');
const std::string b40(40, 'b');
const std::string c40(40, 'c');

FileUri parsed(const std::string& uri) {
  auto out = parse_file_uri(uri);
  EXPECT_TRUE(out) << uri << ": " << (out ? "" : out.error().message);
  return out.value_or(FileUri());
}

std::string reason(const std::string& uri) {
  const auto out = parse_file_uri(uri);
  return out ? "parsed" : out.error().message;
}

TEST(Uri, ReadsAllForms) {
  EXPECT_EQ(parsed("sha1://" + a40).key.sha1.hex(), a40);
  EXPECT_EQ(parsed("sha1://" + std::string(40, 'A')).key.sha1.hex(), a40);
  EXPECT_EQ(parsed("sha1://" + a40 + ".tar.gz").label, "");
  EXPECT_EQ(parsed("sha1://" + a40 + "/").label, "");
  EXPECT_EQ(parsed("sha1://" + a40 + "/a b/c%20d.txt").label, "a b/c%20d.txt");
  const FileUri all = parsed("sha1://" + a40 + ".x/label?manifest=" + b40 + "&chunkOf=" + c40 + "~5~7");
  EXPECT_EQ(all.label, "label");
  EXPECT_EQ(all.key.manifest->hex(), b40);
  EXPECT_EQ(all.key.chunk_of->file.hex(), c40);
  EXPECT_EQ(all.key.chunk_of->range, (ByteRange{5, 7}));
}

TEST(Uri, WritesWhatItReads) {
  for (const std::string& uri :
       {"sha1://" + a40, "sha1://" + a40 + "/a/b c.txt", "sha1://" + a40 + "/x?manifest=" + b40,
        "sha1://" + a40 + "?chunkOf=" + c40 + "~0~20000000",
        "sha1://" + a40 + "?manifest=" + b40 + "&chunkOf=" + c40 + "~1~2"}) {
    const FileUri read = parsed(uri);
    EXPECT_EQ(file_uri(read.key, read.label), uri);
  }
}

TEST(Uri, LabelsCannotBreakTheUri) {
  FileKey key;
  const std::string uri = file_uri(key, "what?\nmanifest=1\x7f");
  EXPECT_EQ(uri, "sha1://" + std::string(40, '0') + "/what%3F%0Amanifest=1%7F");
  EXPECT_EQ(parsed(uri).key, key);
}

TEST(Uri, RefusesWithAnExample) {
  EXPECT_THAT(reason("feed://" + a40), HasSubstr("must begin with sha1://"));
  EXPECT_THAT(reason("sha1dir://" + a40 + "/x"), HasSubstr("as in sha1://a9993e"));
  EXPECT_THAT(reason("sha1://abc"), HasSubstr("40 hex digits, as in sha1://"));
  EXPECT_THAT(reason("sha1://" + a40 + "?chunkOf=x"), HasSubstr("~0~20000000"));
  EXPECT_THAT(reason("sha1://" + a40 + "?other=1"), HasSubstr("\"other\""));
}

TEST(Uri, RefusesEverythingElse) {
  for (const std::string& uri : std::vector<std::string>{
           "",
           "sha1:",
           "sha1://",
           "sha1:/" + a40,
           "SHA1://" + a40,
           " sha1://" + a40,
           "sha1:///" + a40,
           a40,
           "sha1://" + a40 + "a",
           "sha1://" + std::string(39, 'a') + "g",
           "sha1://" + a40 + "-x",
           "sha1://" + a40 + " ",
           "sha1://" + a40 + "\n",
           "sha1://" + a40 + "/x\x01",
           "sha1://" + a40 + "?",
           "sha1://" + a40 + "?manifest",
           "sha1://" + a40 + "?manifest=",
           "sha1://" + a40 + "?manifest=" + b40 + "&",
           "sha1://" + a40 + "?manifest=" + b40 + "&manifest=" + b40,
           "sha1://" + a40 + "?manifest=" + b40 + "x",
           "sha1://" + a40 + "?MANIFEST=" + b40,
           "sha1://" + a40 + "?chunkOf=" + c40 + "~0~1&chunkOf=" + c40 + "~0~1",
           "sha1://" + a40 + "?chunkOf=" + c40,
           "sha1://" + a40 + "?chunkOf=" + c40 + "~1",
           "sha1://" + a40 + "?chunkOf=" + c40 + "~1~1",
           "sha1://" + a40 + "?chunkOf=" + c40 + "~2~1",
           "sha1://" + a40 + "?chunkOf=" + c40 + "~-1~1",
           "sha1://" + a40 + "?chunkOf=" + c40 + "~+0~1",
           "sha1://" + a40 + "?chunkOf=" + c40 + "~~1",
           "sha1://" + a40 + "?chunkOf=" + c40 + "~0~1~2",
           "sha1://" + a40 + "?chunkOf=" + c40 + "~0~1x",
           "sha1://" + a40 + "?chunkOf=" + c40 + "~0~9007199254740993",
           "sha1://" + a40 + "?chunkOf=" + c40 + "~0~18446744073709551616",
       }) {
    EXPECT_FALSE(parse_file_uri(uri)) << uri;
  }
}

TEST(Uri, MessagesEscapeWhatTheyQuote) {
  EXPECT_EQ(reason("\x1b[31m").find('\x1b'), std::string::npos);
  EXPECT_EQ(reason("sha1://" + a40 + "\x1b").find('\x1b'), std::string::npos);
}

TEST(GistUrl, LosesItsCommit) {
  EXPECT_EQ(normalized_gist_url("https://gist.githubusercontent.com/u/542b/raw/0c1a/ccm-test-channel.yaml"),
            "https://gist.githubusercontent.com/u/542b/raw/ccm-test-channel.yaml");
}

TEST(GistUrl, OtherUrlsStay) {
  for (const char* url :
       {"", "https://gist.githubusercontent.com/u/542b/raw/ccm-test-channel.yaml",
        "http://example.org/u/542b/raw/0c1a/x", "https://gist.githubusercontent.com/u/542b/raw/0c1a/x/y",
        "https://gist.githubusercontent.com/u/542b/other/0c1a/x",
        "https://gist.githubusercontent.com/u/542b/raw/0c1a/", "https://gist.githubusercontent.com/"}) {
    EXPECT_EQ(normalized_gist_url(url), url);
  }
}

}  // namespace
}  // namespace kachery
