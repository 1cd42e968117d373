#include "store/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "base/limits.h"

namespace kachery {
namespace {

// Reads just the JSON that manifests are made of, in any member order and with any white space: a general
// parser would need twenty times the text's size for a hostile one.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool take(char c) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  // A string without escapes, which no manifest needs.
  std::optional<std::string_view> string() {
    if (!take('"')) return std::nullopt;
    const std::size_t end = text_.find_first_of("\"\\", at_);
    if (end == std::string_view::npos || text_[end] != '"') return std::nullopt;
    const std::string_view found = text_.substr(at_, end - at_);
    at_ = end + 1;
    return found;
  }

  // Decimal digits only, at most limits::file_bytes.
  std::optional<std::uint64_t> number() {
    skip_space();
    const std::size_t begin = at_;
    std::uint64_t value = 0;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
      value = value * 10 + static_cast<std::uint64_t>(text_[at_] - '0');
      if (value > limits::file_bytes) return std::nullopt;
    }
    const bool leading_zero = at_ - begin > 1 && text_[begin] == '0';
    if (at_ == begin || leading_zero) return std::nullopt;
    return value;
  }

  std::optional<Sha1> sha1() {
    const auto hex = string();
    return hex ? Sha1::parse(*hex) : std::nullopt;
  }

  bool at_end() {
    skip_space();
    return at_ == text_.size();
  }

 private:
  void skip_space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t')) {
      ++at_;
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// Reads `{"a":...,"b":...}`: `member` reads the value of a key, and answers false for a key that it does not
// know, has had already, or whose value is wrong.
template <class Member>
bool read_object(Scanner& scanner, Member member) {
  if (!scanner.take('{')) return false;
  do {
    const auto key = scanner.string();
    if (!key || !scanner.take(':') || !member(*key)) return false;
  } while (scanner.take(','));
  return scanner.take('}');
}

// Reads a value into a field that must not have one yet.
template <class T>
bool fill(std::optional<T>& field, std::optional<T> value) {
  if (field || !value) return false;
  field = std::move(value);
  return true;
}

std::optional<ManifestChunk> read_chunk(Scanner& scanner) {
  std::optional<std::uint64_t> start;
  std::optional<std::uint64_t> end;
  std::optional<Sha1> sha1;
  const bool good = read_object(scanner, [&](std::string_view key) {
    if (key == "start") return fill(start, scanner.number());
    if (key == "end") return fill(end, scanner.number());
    return key == "sha1" && fill(sha1, scanner.sha1());
  });
  if (!good || !start || !end || !sha1) return std::nullopt;
  return ManifestChunk{{*start, *end}, *sha1};
}

std::optional<std::vector<ManifestChunk>> read_chunks(Scanner& scanner) {
  std::vector<ManifestChunk> chunks;
  if (!scanner.take('[')) return std::nullopt;
  if (scanner.take(']')) return chunks;
  do {
    const auto chunk = read_chunk(scanner);
    if (!chunk) return std::nullopt;
    chunks.push_back(*chunk);
  } while (scanner.take(','));
  if (!scanner.take(']')) return std::nullopt;
  return chunks;
}

}  // namespace

std::string Manifest::text() const {
  std::string out = fmt::format(R"({{"size":{},"sha1":"{}","chunks":[)", size, sha1.hex());
  const char* separator = "";
  for (const ManifestChunk& chunk : chunks) {
    fmt::format_to(std::back_inserter(out), R"({}{{"start":{},"end":{},"sha1":"{}"}})", separator,
                   chunk.range.start, chunk.range.end, chunk.sha1.hex());
    separator = ",";
  }
  out += "]}";
  return out;
}

Result<Manifest> Manifest::parse(std::string_view text) {
  if (text.size() > limits::manifest_bytes) {
    return fail(Errc::damaged, "a manifest may have {} bytes, this one has {}", limits::manifest_bytes,
                text.size());
  }
  Scanner scanner(text);
  std::optional<std::uint64_t> size;
  std::optional<Sha1> sha1;
  std::optional<std::vector<ManifestChunk>> chunks;
  const bool good = read_object(scanner, [&](std::string_view key) {
    if (key == "size") return fill(size, scanner.number());
    if (key == "sha1") return fill(sha1, scanner.sha1());
    return key == "chunks" && fill(chunks, read_chunks(scanner));
  });
  if (!good || !scanner.at_end() || !size || !sha1 || !chunks) {
    return fail(Errc::damaged,
                "a manifest must be a JSON object of size, sha1 and chunks, with start, end and sha1 each");
  }
  std::uint64_t reached = 0;
  for (const ManifestChunk& chunk : *chunks) {
    if (chunk.range.start != reached || chunk.range.end <= chunk.range.start) {
      return fail(Errc::damaged, "the manifest's chunks leave a gap or overlap at byte {}", reached);
    }
    reached = chunk.range.end;
  }
  if (reached != *size) {
    return fail(Errc::damaged, "the manifest's chunks end at byte {}, its file has {}", reached, *size);
  }
  return Manifest{*size, *sha1, std::move(*chunks)};
}

bool wants_manifest(std::uint64_t size) {
  return size > limits::chunk_bytes;
}

Manifest manifest_of(const FileAndChunkHasher::Digests& digests) {
  Manifest manifest{digests.size, digests.file, {}};
  std::uint64_t start = 0;
  for (const Sha1& chunk : digests.chunks) {
    const std::uint64_t end = std::min(start + limits::chunk_bytes, digests.size);
    manifest.chunks.push_back({{start, end}, chunk});
    start = end;
  }
  return manifest;
}

}  // namespace kachery
