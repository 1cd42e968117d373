// The HttpClient that really talks: libcurl's multi interface on the loop.
#pragma once

#include <memory>
#include <string>

#include "net/http_client.h"
#include "reactor/loop.h"

namespace kachery {

// `loop` must outlive it, and it its calls. HTTP/1.1 only, without proxies, cookies, credentials or anything
// else from the environment or the home directory. `user_agent`: "kachery-p2p/1.2.3".
std::unique_ptr<HttpClient> make_curl_http_client(Loop& loop, std::string user_agent = "kachery-p2p");

}  // namespace kachery
