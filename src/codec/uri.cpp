#include "codec/uri.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/limits.h"
#include "base/log.h"

namespace kachery {

namespace {

constexpr std::string_view scheme = "sha1://";
constexpr std::string_view example =
    "sha1://a9993e364706816aba3e25717850c26c9cd0d89d/label?manifest=a9993e364706816aba3e25717850c26c9cd0d89d";
constexpr std::string_view chunk_example =
    "sha1://"
    "a9993e364706816aba3e25717850c26c9cd0d89d?chunkOf=a9993e364706816aba3e25717850c26c9cd0d89d~0~20000000";
constexpr std::size_t hash_digits = 2 * Sha1::size;

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  for (;;) {
    const std::size_t end = text.find(separator);
    out.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

bool is_control(char c) {
  const auto byte = static_cast<std::uint8_t>(c);
  return byte < 0x20 || byte == 0x7f;
}

// Decimal digits only, within limits::file_bytes.
std::optional<std::uint64_t> byte_count(std::string_view text) {
  std::uint64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  if (value > limits::file_bytes) return std::nullopt;
  return value;
}

Result<ChunkOf> parse_chunk_of(std::string_view text) {
  const std::vector<std::string_view> parts = split(text, '~');
  if (parts.size() == 3) {
    const auto file = Sha1::parse(parts[0]);
    const auto start = byte_count(parts[1]);
    const auto end = byte_count(parts[2]);
    if (file && start && end && *start < *end) return ChunkOf{*file, std::nullopt, {*start, *end}};
  }
  return fail(Errc::invalid, "chunkOf must be HASH~START~END with START < END, as in {}; got \"{}\"",
              chunk_example, escaped(text, 120));
}

Status parse_query(std::string_view query, FileKey& key) {
  for (const std::string_view parameter : split(query, '&')) {
    const std::size_t equals = parameter.find('=');
    const std::string_view name = parameter.substr(0, equals);
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : parameter.substr(equals + 1);
    if (name == "manifest") {
      if (key.manifest) return fail(Errc::invalid, "a file URI has \"manifest\" twice");
      key.manifest = Sha1::parse(value);
      if (!key.manifest) {
        return fail(Errc::invalid, "manifest must be 40 hex digits, as in {}; got \"{}\"", example,
                    escaped(value, 60));
      }
    } else if (name == "chunkOf") {
      if (key.chunk_of) return fail(Errc::invalid, "a file URI has \"chunkOf\" twice");
      KACHERY_TRY(key.chunk_of, parse_chunk_of(value));
    } else {
      return fail(Errc::invalid, "a file URI's query may have manifest and chunkOf, got \"{}\"",
                  escaped(name, 60));
    }
  }
  return {};
}

}  // namespace

Result<FileUri> parse_file_uri(std::string_view uri) {
  if (!uri.starts_with(scheme)) {
    return fail(Errc::invalid, "a file URI must begin with {}, as in {}; got \"{}\"", scheme, example,
                escaped(uri, 100));
  }
  if (std::any_of(uri.begin(), uri.end(), is_control)) {
    return fail(Errc::invalid, "a file URI must not contain control characters, got \"{}\"",
                escaped(uri, 100));
  }
  std::string_view rest = uri.substr(scheme.size());
  FileUri out;

  const std::size_t question = rest.find('?');
  if (question != std::string_view::npos) {
    KACHERY_CHECK(parse_query(rest.substr(question + 1), out.key));
    rest = rest.substr(0, question);
  }
  const std::size_t slash = rest.find('/');
  if (slash != std::string_view::npos) {
    out.label = rest.substr(slash + 1);
    rest = rest.substr(0, slash);
  }
  const auto sha1 = Sha1::parse(rest.substr(0, hash_digits));
  // Whatever follows a dot behind the hash (".txt") is for people.
  if (!sha1 || (rest.size() > hash_digits && rest[hash_digits] != '.')) {
    return fail(Errc::invalid, "a file URI must name a hash of 40 hex digits, as in {}; got \"{}\"", example,
                escaped(rest, 60));
  }
  out.key.sha1 = *sha1;
  return out;
}

std::string file_uri(const FileKey& key, std::string_view label) {
  std::string out = fmt::format("{}{}", scheme, key.sha1.hex());
  if (!label.empty()) out += '/';
  for (const char c : label) {
    // What would end the label, or is refused in a URI; the rest stays as people wrote it.
    if (c == '?' || is_control(c)) {
      out += fmt::format("%{:02X}", static_cast<std::uint8_t>(c));
    } else {
      out += c;
    }
  }
  char separator = '?';
  if (key.manifest) {
    out += fmt::format("{}manifest={}", separator, key.manifest->hex());
    separator = '&';
  }
  if (key.chunk_of) {
    const ChunkOf& chunk = *key.chunk_of;
    out += fmt::format("{}chunkOf={}~{}~{}", separator, chunk.file.hex(), chunk.range.start, chunk.range.end);
  }
  return out;
}

std::string normalized_gist_url(std::string_view url) {
  constexpr std::string_view prefix = "https://gist.githubusercontent.com/";
  if (!url.starts_with(prefix)) return std::string(url);
  const std::vector<std::string_view> parts = split(url.substr(prefix.size()), '/');
  const bool pinned = parts.size() == 5 && parts[2] == "raw" &&
                      std::none_of(parts.begin(), parts.end(), [](std::string_view p) { return p.empty(); });
  if (!pinned) return std::string(url);
  return fmt::format("{}{}/{}/raw/{}", prefix, parts[0], parts[1], parts[4]);
}

}  // namespace kachery
