// What the commands write.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kachery/kachery.h"

namespace kachery::cli {

// Text as a JSON string with its quotes; what is no UTF-8 becomes U+FFFD.
std::string json_quoted(std::string_view text);

// Text that came from elsewhere, without control characters (as \xNN): a terminal obeys those.
std::string printable(std::string_view text);

// All of `bytes` to stdout, unbuffered. False after a failure, with errno set.
bool write_stdout(std::string_view bytes);

// The exit status of a failed call; cancelling is left to interrupted_status().
int exit_status(kachery_status status);

// Says why on stderr, one line, after "kachery-p2p COMMAND: ".
void complain(std::string_view command, std::string_view reason);

}  // namespace kachery::cli
