// From URIs to file keys.
#pragma once

#include <string_view>

#include "base/error.h"
#include "client/monitor.h"
#include "client/session.h"
#include "codec/file_key.h"

namespace kachery::client {

// The key of a sha1:// URI, or of the file that a sha1dir:// URI names: the listing, a JSON object with
// `dirs` and `files`, is loaded for it. Errc::not_found if the listing has no such file, invalid if it is a
// directory, damaged if the listing is none.
Result<FileKey> locate(Session& session, std::string_view uri, const Monitor& monitor);

}  // namespace kachery::client
