// YAML configuration as JSON values.
#pragma once

#include <string_view>

#include "base/error.h"
#include "codec/json.h"

namespace kachery {

// Parses the one document of `text` by YAML's core schema: plain scalars become null, booleans, numbers or
// strings, quoted ones strings. Refused: syntax errors (with line and column), several documents, duplicate
// keys, keys that are no scalars, aliases (they multiply), tags other than the core ones, and what exceeds
// limits::yaml_*. An empty text is null.
Result<Json> parse_yaml(std::string_view text);

}  // namespace kachery
