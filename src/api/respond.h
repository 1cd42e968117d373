// How errors and results become HTTP answers (protocol.md section 5).
#pragma once

#include "base/error.h"
#include "net/http_server.h"

namespace kachery::api {

// 403 for unauthorized, 413 for too_large, else 500.
int status_of(Errc code);

// Answers with status_of(error.code), the plain message as the body, and the code's name in the header
// Kachery-Error. A response that has begun is broken off instead.
void respond_error(HttpExchange& exchange, const Error& error);

// The same with a status chosen by the caller.
void respond_error(HttpExchange& exchange, int status, const Error& error);

}  // namespace kachery::api
