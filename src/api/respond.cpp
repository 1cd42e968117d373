#include "api/respond.h"

namespace kachery::api {

int status_of(Errc code) {
  switch (code) {
    case Errc::unauthorized:
      return 403;
    case Errc::too_large:
      return 413;
    default:
      return 500;
  }
}

void respond_error(HttpExchange& exchange, const Error& error) {
  respond_error(exchange, status_of(error.code), error);
}

void respond_error(HttpExchange& exchange, int status, const Error& error) {
  if (exchange.responded()) {
    exchange.abort();
    return;
  }
  exchange.respond(
      status,
      {{"Content-Type", "text/plain; charset=utf-8"}, {"Kachery-Error", std::string(name_of(error.code))}},
      error.message);
}

}  // namespace kachery::api
