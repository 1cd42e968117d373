#include "api/router.h"

#include <strings.h>

#include <optional>
#include <utility>

#include "api/cors.h"
#include "api/respond.h"
#include "base/log.h"

namespace kachery::api {

namespace {

constexpr std::string_view auth_header = "kachery-client-auth-code";

bool same_text(std::string_view a, std::string_view b, bool fold_case) {
  if (!fold_case) return a == b;
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

// The next segment of `path`, which begins with a slash, and takes it off; nothing at the end.
std::optional<std::string_view> take_segment(std::string_view& path) {
  if (path.empty() || path.front() != '/') return std::nullopt;
  const std::size_t end = path.find('/', 1);
  const std::string_view segment = path.substr(1, end == std::string_view::npos ? end : end - 1);
  path.remove_prefix(1 + segment.size());
  return segment;
}

// The path's parameters, if it fits the pattern.
std::optional<std::vector<std::string>> fit(std::string_view pattern, std::string_view path, bool fold_case) {
  std::vector<std::string> parameters;
  while (const auto expected = take_segment(pattern)) {
    const auto segment = take_segment(path);
    if (!segment) return std::nullopt;
    if (expected->starts_with(':')) {
      parameters.emplace_back(*segment);
    } else if (!same_text(*expected, *segment, fold_case)) {
      return std::nullopt;
    }
  }
  if (!path.empty()) return std::nullopt;
  return parameters;
}

void respond_not_allowed(HttpExchange& exchange, const std::string& allowed) {
  exchange.respond(405, {{"Content-Type", "text/plain; charset=utf-8"}, {"Allow", allowed}},
                   fmt::format("{} cannot be called with {}, only with {}", escaped(exchange.head().path),
                               escaped(exchange.head().method), allowed));
}

}  // namespace

Router::Router(std::vector<Route> routes, Options options)
    : routes_(std::move(routes)), options_(std::move(options)) {}

Router::Match Router::match(std::string_view method, std::string_view path) const {
  Match out;
  for (const Route& route : routes_) {
    auto parameters = fit(route.path, path, options_.fold_case);
    if (!parameters) continue;
    if (!out.allowed.empty()) out.allowed += ", ";
    out.allowed += route.method;
    if (out.route == nullptr && route.method == method) {
      out.route = &route;
      out.parameters = *std::move(parameters);
    }
  }
  return out;
}

bool Router::authorize(const Route& route, HttpExchange& exchange) const {
  if (route.access == Access::open) return true;
  const std::string* code = exchange.head().header(auth_header);
  if (code == nullptr) {
    respond_error(exchange, Error{Errc::unauthorized,
                                  "the header KACHERY-CLIENT-AUTH-CODE is missing: send the content of "
                                  "STORAGE_DIR/client-auth in it"});
    return false;
  }
  if (!options_.authorized || !options_.authorized(*code, route.access)) {
    respond_error(exchange, Error{Errc::unauthorized,
                                  "the client authorization code is wrong or has expired: read "
                                  "STORAGE_DIR/client-auth again"});
    return false;
  }
  return true;
}

void Router::dispatch(HttpExchangePtr exchange) const {
  const http1::RequestHead& head = exchange->head();
  Match found = match(head.method, head.path);
  if (!options_.cors_origin.empty()) exchange = with_cors(std::move(exchange), options_.cors_origin);
  if (found.allowed.empty()) {
    exchange->respond_text(404, fmt::format("there is nothing at {}", escaped(head.path)));
    return;
  }
  if (found.route == nullptr) {
    if (head.method == "OPTIONS" && !options_.cors_origin.empty()) {
      respond_preflight(*exchange, found.allowed);
    } else {
      respond_not_allowed(*exchange, found.allowed);
    }
    return;
  }
  const Route& route = *found.route;
  if (!authorize(route, *exchange)) return;
  Call call{exchange, std::move(found.parameters), Json()};
  if (route.body != Body::json) {
    route.handler(std::move(call));
    return;
  }
  exchange->collect_body(
      options_.body_bytes, [this, &route, call = std::move(call)](std::string text) mutable {
        Result<Json> body = text.empty() ? Json::object() : Json::parse(text, options_.json_values);
        if (!body) {
          respond_error(*call.exchange, 400, body.error());
          return;
        }
        call.body = *std::move(body);
        route.handler(std::move(call));
      });
}

}  // namespace kachery::api
