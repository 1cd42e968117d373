#include "client/locating.h"

#include <string>

#include "base/log.h"
#include "client/loading.h"
#include "codec/json.h"
#include "codec/uri.h"

namespace kachery::client {

namespace {

constexpr std::string_view dir_scheme = "sha1dir://";
constexpr std::size_t listing_bytes = 64u << 20;

Result<FileKey> find_in_listing(Json listing, std::string_view path, std::string_view uri) {
  while (true) {
    const std::size_t slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    const bool last = slash == std::string_view::npos;
    path.remove_prefix(last ? path.size() : slash + 1);
    if (name.empty() && !last) continue;  // a//b is a/b

    const Json file = listing["files"][name];
    if (last && file.is_object()) {
      const auto sha1 = Sha1::parse(file["sha1"].string());
      if (sha1) return FileKey{*sha1, {}, {}};
      return fail(Errc::damaged, "the listing has no sha1 for {}", escaped(uri));
    }
    listing = listing["dirs"][name];
    if (name.empty() || (last && listing.is_object())) {
      return fail(Errc::invalid, "{} is a directory: name a file in it", escaped(uri));
    }
    if (!listing.is_object())
      return fail(Errc::not_found, "there is no \"{}\" in {}", escaped(name), escaped(uri));
  }
}

}  // namespace

Result<FileKey> locate(Session& session, std::string_view uri, const Monitor& monitor) {
  if (!uri.starts_with(dir_scheme)) {
    KACHERY_TRY(const FileUri parsed, parse_file_uri(uri));
    return parsed.key;
  }
  const std::string_view rest = uri.substr(dir_scheme.size());
  const std::size_t slash = rest.find('/');
  // The same hash rules, the same messages.
  auto root = parse_file_uri(std::string("sha1://").append(rest.substr(0, slash)));
  if (!root) {
    return fail(Errc::invalid,
                "a sha1dir:// URI must be sha1dir://HASH/path/in/it with a hash of 40 hex digits; got "
                "\"{}\"",
                escaped(uri, 100));
  }
  KACHERY_TRY(const std::string text, read_verified(session, root->key, listing_bytes, monitor.silent()));
  const auto listing = Json::parse(text);
  if (!listing || !listing->is_object()) {
    return fail(Errc::damaged, "{} is no listing of a directory: it holds no JSON object",
                root->key.sha1.hex());
  }
  return find_in_listing(*listing,
                         slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1), uri);
}

}  // namespace kachery::client
