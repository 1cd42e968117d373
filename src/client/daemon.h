// The daemon, as a client sees it: who it is, and requests that carry the authorization code (protocol.md
// section 5).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "client/http_call.h"
#include "client/settings.h"
#include "codec/json.h"

namespace kachery::client {

struct DaemonInfo {
  Json probe;
  std::string node_id;
  std::string storage_dir;  // where this client finds it: as set, else as the daemon says
};

class Daemon {
 public:
  // Both must outlive it.
  Daemon(const Settings& settings, const CancelToken& cancel) : settings_(settings), cancel_(cancel) {}

  // Forgets what was learned: at the start of every call, since daemons come and go between them.
  void forget() { info_.reset(); }

  // GET /probe.
  Result<Json> probe();

  // The daemon, after a check that it owns the storage directory; asked once until forget().
  // errc_storage, errc_wrong_daemon, and what perform() fails with.
  Result<DaemonInfo> connect();

  // Requests with the authorization code, which is read from the storage directory each time; after a 403
  // once more, since it may have changed in between. `path` begins with '/'. A status other than 200 is an
  // error, with the code that the daemon named.
  //
  // The answer's object; its "success": false is an error too.
  Result<Json> get(std::string_view path);
  Result<Json> post(std::string_view path, const Json& body, std::chrono::milliseconds timeout);
  Result<Json> post(std::string_view path, const Json& body) {
    return post(path, body, settings_.request_timeout);
  }
  // The answer's body in pieces.
  Status stream(std::string_view path, const Json& body, std::function<Status(std::string_view)> sink);
  // Sends `source`; `rewind` takes it back to its start for a second try. After the last byte the daemon may
  // take `extra` beyond the idle time-out.
  Result<Json> upload(std::string_view path, const BodySource& source, const std::function<Status()>& rewind,
                      std::chrono::milliseconds extra);

 private:
  Result<HttpReply> authorized(HttpCall call, const std::function<Status()>& rewind);
  HttpCall json_call(std::string_view path, const Json& body) const;

  const Settings& settings_;
  const CancelToken& cancel_;
  std::optional<DaemonInfo> info_;
};

}  // namespace kachery::client
