// The files by which a daemon's clients know it, in its storage directory (protocol.md section 3).
#pragma once

#include <string>

#include "base/error.h"

namespace kachery::client {

// errc_storage unless it is a directory that can be entered.
Status check_storage_dir(const std::string& dir);

// DIR/kachery-node-id. errc_storage if there is none.
Result<std::string> read_node_id(const std::string& dir);

// DIR/client-auth: letters and digits. Errc::unauthorized if this user may not read it (the message names the
// group that may), errc_storage if there is none or it holds something else.
Result<std::string> read_client_auth(const std::string& dir);

// Whether files may be stored in DIR by this process: sha1/ (or DIR, while it has none) is writable and
// belongs to this user. Writable alone is not enough: as root, say, this process would make directories in
// which the daemon could not write.
bool owns_storage(const std::string& dir);

}  // namespace kachery::client
