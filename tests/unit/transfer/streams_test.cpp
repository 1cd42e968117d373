#include "transfer/streams.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/limits.h"
#include "store/writer.h"
#include "unit/transfer/rig.h"

namespace kachery {
namespace {

using testing::sample_bytes;
using testing::TemporaryFolder;
using testing::VirtualScheduler;

class ServedStreams : public ::testing::Test {
 protected:
  void SetUp() override { key.sha1 = store_bytes(store, bytes).value().sha1; }

  static NodeId node(std::uint8_t n) {
    std::array<std::uint8_t, 32> id{};
    id[0] = n;
    return NodeId(id);
  }
  DownloadFileDataResponse prepare(std::uint64_t start, std::optional<std::uint64_t> end) {
    return streams.prepare(alice, DownloadFileDataRequest{key, start, end});
  }
  std::string read(const OpenFile& file) {
    std::string out(file.length, '\0');
    EXPECT_EQ(::pread(file.fd.get(), out.data(), out.size(), static_cast<off_t>(file.offset)),
              static_cast<ssize_t>(out.size()));
    return out;
  }

  const NodeId alice = node(1);
  const NodeId bob = node(2);
  const std::string bytes = sample_bytes(1000);
  TemporaryFolder folder;
  VirtualScheduler clock;
  Store store = Store::open(posix_env(), folder.path()).value();
  Streams streams{clock, store};
  FileKey key;
};

TEST_F(ServedStreams, TheWholeFile) {
  const auto answer = prepare(0, std::nullopt);
  EXPECT_TRUE(answer.success);
  EXPECT_EQ(answer.file_key, key);
  EXPECT_EQ(answer.start, 0U);
  EXPECT_EQ(answer.end, 1000U);  // null in the request becomes the size
  EXPECT_EQ(answer.error, std::nullopt);
  ASSERT_TRUE(answer.stream_id);
  const auto file = streams.open(alice, *answer.stream_id);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(read(*file), bytes);
  EXPECT_TRUE(streams.open(alice, *answer.stream_id)) << "good until it expires";
}

TEST_F(ServedStreams, ARange) {
  const auto answer = prepare(100, 250);
  ASSERT_TRUE(answer.success);
  EXPECT_EQ(answer.start, 100U);
  EXPECT_EQ(answer.end, 250U);
  EXPECT_EQ(read(streams.open(alice, *answer.stream_id).value()), bytes.substr(100, 150));
}

TEST_F(ServedStreams, ARangeOfAChunk) {
  const FileKey chunk{sha1_of(bytes.substr(200, 300)), std::nullopt,
                      ChunkOf{key.sha1, std::nullopt, {200, 500}}};
  const auto answer = streams.prepare(alice, DownloadFileDataRequest{chunk, 10, std::nullopt});
  ASSERT_TRUE(answer.success);
  EXPECT_EQ(answer.end, 300U);
  EXPECT_EQ(answer.file_key, chunk);
  EXPECT_EQ(read(streams.open(alice, *answer.stream_id).value()), bytes.substr(210, 290));
}

TEST_F(ServedStreams, BadRangesAreRefusedInNumbers) {
  const std::pair<std::uint64_t, std::optional<std::uint64_t>> bad[] = {{10, 10},
                                                                        {11, 10},
                                                                        {0, 1001},
                                                                        {1000, std::nullopt},
                                                                        {2000, std::nullopt},
                                                                        {0, 0},
                                                                        {0, std::uint64_t{1} << 53}};
  for (const auto& [start, end] : bad) {
    const auto answer = prepare(start, end);
    EXPECT_FALSE(answer.success) << start;
    EXPECT_EQ(answer.stream_id, std::nullopt);
    ASSERT_TRUE(answer.error);
    EXPECT_EQ(answer.start, start);
    EXPECT_EQ(answer.end, end.value_or(1000));
    EXPECT_TRUE(response_data_from_json(to_json(answer)));
  }
  EXPECT_EQ(streams.size(), 0U);
}

TEST_F(ServedStreams, AFileThatIsNotThere) {
  key.sha1 = sha1_of("something else");
  const auto answer = prepare(5, 10);
  EXPECT_FALSE(answer.success);
  EXPECT_EQ(answer.start, 0U);
  EXPECT_EQ(answer.end, 0U);
  EXPECT_EQ(answer.stream_id, std::nullopt);
  EXPECT_TRUE(answer.error);
}

TEST_F(ServedStreams, PathsOfThisMachineStayHere) {
  const std::string path =
      folder.path() + "/../" + folder.path().substr(folder.path().rfind('/') + 1) + ".txt";
  { std::ofstream(path) << "to be linked"; }
  const auto linked = link_file(store, path, [](std::uint64_t, std::uint64_t) { return true; });
  ASSERT_TRUE(linked) << linked.error().message;
  key.sha1 = linked->sha1;
  ASSERT_TRUE(prepare(0, std::nullopt).success);
  { std::ofstream(path) << "changed since then"; }
  const auto answer = prepare(0, std::nullopt);
  EXPECT_FALSE(answer.success);
  EXPECT_EQ(answer.error->find('/'), std::string::npos) << *answer.error;
  std::filesystem::remove(path);
}

TEST_F(ServedStreams, AreGoodForTheNodeThatAskedOnly) {
  const auto answer = prepare(0, std::nullopt);
  const auto stolen = streams.open(bob, *answer.stream_id);
  ASSERT_FALSE(stolen);
  EXPECT_EQ(stolen.error().code, Errc::not_found);
  EXPECT_FALSE(streams.open(alice, StreamId::random()));
}

TEST_F(ServedStreams, ExpireHalfAnHourAfterTheirLastUse) {
  const auto used = *prepare(0, std::nullopt).stream_id;
  const auto unused = *prepare(0, std::nullopt).stream_id;
  clock.advance(milliseconds(limits::stream_life_ms - 1));
  EXPECT_TRUE(streams.open(alice, used));
  clock.advance(milliseconds(1));
  EXPECT_FALSE(streams.open(alice, unused));
  EXPECT_EQ(streams.size(), 1U);
  clock.advance(milliseconds(limits::stream_life_ms - 2));
  EXPECT_TRUE(streams.open(alice, used));
  clock.advance(milliseconds(limits::stream_life_ms));
  EXPECT_EQ(streams.size(), 0U);
}

TEST_F(ServedStreams, OverTheLimitANodeLosesItsOwnLongestUnused) {
  const auto of_bob = *streams.prepare(bob, DownloadFileDataRequest{key, 0, std::nullopt}).stream_id;
  const auto first = *prepare(0, std::nullopt).stream_id;
  const auto second = *prepare(0, std::nullopt).stream_id;
  for (std::size_t i = 2; i < limits::streams_per_node; ++i) ASSERT_TRUE(prepare(0, std::nullopt).success);
  ASSERT_TRUE(streams.open(alice, first));
  ASSERT_TRUE(prepare(0, std::nullopt).success);
  EXPECT_TRUE(streams.open(alice, first));
  EXPECT_FALSE(streams.open(alice, second));
  EXPECT_TRUE(streams.open(bob, of_bob));
  EXPECT_EQ(streams.size(), limits::streams_per_node + 1);
}

TEST_F(ServedStreams, AreBoundedAllTogether) {
  for (std::size_t i = 0; i < limits::streams + 5; ++i) {
    const NodeId asker = node(static_cast<std::uint8_t>(i % 20));
    ASSERT_TRUE(streams.prepare(asker, DownloadFileDataRequest{key, 0, std::nullopt}).success);
  }
  EXPECT_EQ(streams.size(), limits::streams);
}

TEST_F(ServedStreams, AFileThatShrankIsNotServed) {
  const std::string path = folder.path() + "-linked";
  { std::ofstream(path) << "to be linked"; }
  key.sha1 = link_file(store, path, [](std::uint64_t, std::uint64_t) { return true; }).value().sha1;
  const auto answer = prepare(0, std::nullopt);
  ASSERT_TRUE(answer.success);
  ASSERT_EQ(::truncate(path.c_str(), 3), 0);
  EXPECT_FALSE(streams.open(alice, *answer.stream_id));
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace kachery
