// The HttpClient that really talks: libcurl's multi interface on the loop.
#pragma once

#include <memory>

#include "net/http_client.h"
#include "reactor/curl_multi.h"
#include "reactor/loop.h"

namespace kachery {

// `loop` must outlive it, and it its calls.
std::unique_ptr<HttpClient> make_curl_http_client(Loop& loop);

}  // namespace kachery
