// The static configuration (--static-config): joined channels and mirror sources from a file or a URL.
#pragma once

#include <functional>
#include <string>

#include "base/error.h"
#include "base/scheduler.h"
#include "net/http_client.h"
#include "wire/channel_config.h"

namespace kachery::daemon {

class StaticConfigSource {
 public:
  using Apply = std::function<void(const StaticConfig&)>;

  // `where`: a URL if it begins with http:// or https://, else a path. The references must outlive it.
  StaticConfigSource(Scheduler& scheduler, const Pace& pace, HttpClient& http, std::string where,
                     Apply apply);

  // Reads a file and applies it, or fails. A URL is fetched soon, and again every few minutes; a failure is
  // logged, and what was applied before stays.
  Status start();
  // Reads or fetches it again now; a failure is logged, and what was applied before stays.
  void reload();

 private:
  bool is_url() const;
  Status read_file_now();
  void fetch();
  void fetched(const Result<HttpResponse>& response);
  Status use(std::string_view yaml);
  void fetch_after(milliseconds delay);

  Scheduler& scheduler_;
  Pace pace_;
  HttpClient& http_;
  std::string where_;
  Apply apply_;
  std::string applied_;  // the text in use: the same text is not applied again
  HttpCallPtr call_;
  Scheduler::TimerPtr timer_;
};

}  // namespace kachery::daemon
