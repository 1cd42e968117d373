// Canonical BSON (protocol.md section 2): what signatures are made over, and what WebSocket messages are.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "codec/json.h"

namespace kachery::bson {

// The document of an object. Fails if `object` is no object or a key contains NUL.
Result<std::string> encode(const Json& object);

// Parses exactly one document. int32, int64 and double become numbers. Refused: unknown types, binary,
// lengths that do not fit, missing terminators, invalid UTF-8, nesting deeper than limits::json_depth.
Result<Json> decode(std::string_view document);

}  // namespace kachery::bson
