#include "daemon/static_config.h"

#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "codec/yaml.h"
#include "daemon/small_file.h"

namespace kachery::daemon {

namespace {

constexpr milliseconds refresh_period{3 * 60'000};
constexpr milliseconds retry_pause{15'000};
constexpr milliseconds fetch_timeout{30'000};

}  // namespace

StaticConfigSource::StaticConfigSource(Scheduler& scheduler, const Pace& pace, HttpClient& http,
                                       std::string where, Apply apply)
    : scheduler_(scheduler), pace_(pace), http_(http), where_(std::move(where)), apply_(std::move(apply)) {}

bool StaticConfigSource::is_url() const {
  return where_.starts_with("http://") || where_.starts_with("https://");
}

Status StaticConfigSource::start() {
  if (!is_url()) return read_file_now();
  fetch();
  return {};
}

void StaticConfigSource::reload() {
  if (is_url()) {
    fetch();
  } else if (const Status status = read_file_now(); !status) {
    log_warning("{}; the configuration stays as it was", status.error().message);
  }
}

Status StaticConfigSource::read_file_now() {
  const auto text = read_file(where_, limits::yaml_bytes);
  const Status status = text ? use(*text) : fail(text.error());
  if (status) return {};
  return fail(status.error().code, "static configuration {}: {}", escaped(where_), status.error().message);
}

void StaticConfigSource::fetch() {
  timer_.reset();
  HttpRequest request;
  request.url = where_;
  request.total_timeout = fetch_timeout;
  request.max_body_bytes = limits::yaml_bytes;
  request.follow_redirects = true;
  call_ =
      http_.fetch(std::move(request), [this](const Result<HttpResponse>& response) { fetched(response); });
}

void StaticConfigSource::fetched(const Result<HttpResponse>& response) {
  Status status;
  if (!response) {
    status = fail(response.error());
  } else if (response->status != 200) {
    status = fail(Errc::refused, "the server answered with status {}", response->status);
  } else {
    status = use(response->body);
  }
  if (!status) {
    log_warning("static configuration {}: {}; trying again in {} seconds", escaped(where_),
                status.error().message, retry_pause.count() / 1000);
  }
  fetch_after(pace_(status ? refresh_period : retry_pause));
}

void StaticConfigSource::fetch_after(milliseconds delay) {
  timer_ = scheduler_.after(delay, [this] { fetch(); });
}

Status StaticConfigSource::use(std::string_view yaml) {
  if (yaml == applied_) return {};
  const auto json = parse_yaml(yaml);
  const auto config =
      json ? StaticConfig::from_json(*json) : Result<StaticConfig>(tl::unexpected(json.error()));
  if (!config) return fail(config.error());
  applied_ = yaml;
  log_info("static configuration: {} channels, {} mirror sources", config->joined_channels.size(),
           config->mirror_sources.size());
  apply_(*config);
  return {};
}

}  // namespace kachery::daemon
