// From a request's method and path to its handler, by a plain table of routes.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "codec/json.h"
#include "net/http_server.h"

namespace kachery::api {

// Who may call a route.
enum class Access {
  open,             // anybody
  client,           // clients that can read STORAGE_DIR/client-auth
  client_or_other,  // and those with a code of the mutable _other_client_auth_codes
};

enum class Body {
  ignored,
  json,  // collected and parsed; an empty one is {}
  raw,   // left to the handler
};

// A request as its handler gets it.
struct Call {
  HttpExchangePtr exchange;
  std::vector<std::string> parameters;  // of the path, in order
  Json body;                            // Body::json: any JSON value
};

struct Route {
  std::string method;
  std::string path;  // a segment ":name" stands for any one segment, a parameter
  Access access = Access::client;
  Body body = Body::ignored;
  std::function<void(Call)> handler;
};

// Answers by itself: 404 for an unknown path, 405 with Allow, 403 without authorization, 400 for malformed
// JSON. Must outlive the exchanges it was given.
class Router {
 public:
  struct Options {
    bool fold_case = false;      // of paths; parameters keep theirs
    std::size_t body_bytes = 0;  // limit of Body::json
    // Whether the value of KACHERY-CLIENT-AUTH-CODE suffices; never asked for Access::open.
    std::function<bool(std::string_view code, Access access)> authorized;
    // The web page that browsers may let call us; empty: none, and OPTIONS is no method of ours.
    std::string cors_origin;
    std::size_t json_values = limits::json_values;  // limit of what Body::json may hold
  };
  Router(std::vector<Route> routes, Options options);

  void dispatch(HttpExchangePtr exchange) const;

 private:
  struct Match {
    const Route* route = nullptr;
    std::string allowed;  // methods of the path's routes, for Allow; empty: no such path
    std::vector<std::string> parameters;
  };
  Match match(std::string_view method, std::string_view path) const;
  bool authorize(const Route& route, HttpExchange& exchange) const;

  std::vector<Route> routes_;
  Options options_;
};

}  // namespace kachery::api
