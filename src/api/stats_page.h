// The web page of /stats?format=html.
#pragma once

#include <string>

#include "codec/json.h"

namespace kachery::api {

// `value` (of /stats) as nested tables; self-contained, without scripts, every text escaped.
std::string stats_page(const Json& value);

}  // namespace kachery::api
