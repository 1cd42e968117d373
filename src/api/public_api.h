// The HTTP interface for other nodes (protocol.md section 6).
#pragma once

#include <vector>

#include "api/router.h"
#include "node/node.h"
#include "transfer/streams.h"

namespace kachery::api {

// The table. `node` and `streams` must outlive it.
std::vector<Route> public_routes(Node& node, Streams& streams);

}  // namespace kachery::api
