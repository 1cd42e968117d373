// kachery URIs: sha1://HASH[.ext][/label][?manifest=HASH] and sha1://HASH?chunkOf=FILEHASH~START~END
// (protocol.md section 1).
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "codec/file_key.h"

namespace kachery {

struct FileUri {
  FileKey key;
  std::string label;  // what follows the hash's slash, percent-decoded never: it is shown, not used as a path
};

// Refused with what is wrong and an example of the right form: other schemes, hashes that are not 40 hex
// digits, unknown or repeated query keys, bad ranges.
Result<FileUri> parse_file_uri(std::string_view uri);

// "sha1://HASH/label?manifest=HASH"; label may be empty.
std::string file_uri(const FileKey& key, std::string_view label = {});

// https://gist.githubusercontent.com/USER/ID/raw/COMMIT/NAME without its COMMIT part, so that it follows the
// newest revision; any other text as it is.
std::string normalized_gist_url(std::string_view url);

}  // namespace kachery
