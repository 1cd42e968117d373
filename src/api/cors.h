// Cross-origin access for the one web page that may call the local API (protocol.md section 5).
#pragma once

#include <string>

#include "net/http_server.h"

namespace kachery::api {

// `exchange` with Access-Control-Allow-Origin and Vary in whatever response it gets.
HttpExchangePtr with_cors(HttpExchangePtr exchange, std::string origin);

// Answers a preflight request for a path with these methods ("GET, POST").
void respond_preflight(HttpExchange& exchange, const std::string& methods);

}  // namespace kachery::api
