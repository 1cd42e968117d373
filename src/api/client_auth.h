// The codes by which local clients show that they may use the API (protocol.md section 3): one that changes
// every 3 minutes, given to whoever can read a file, and fixed ones for other clients.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/scheduler.h"
#include "codec/json.h"

namespace kachery::api {

class ClientAuth {
 public:
  // Makes a new code known to clients (writes it to a file).
  using Publish = std::function<Status(const std::string& code)>;

  // Publishes the first code, or fails as `publish` does. A later rotation that cannot be published is logged
  // and tried again the next time; the code stays. `scheduler` must outlive it.
  static Result<std::unique_ptr<ClientAuth>> start(Scheduler& scheduler, const Pace& pace, Publish publish);

  // Whether `code` is the present one or the one before it. In constant time for codes of the right length.
  bool is_client(std::string_view code) const;
  bool is_other_client(std::string_view code) const;

  // Replaces the codes of other clients.
  void set_other_codes(std::vector<std::string> codes) { other_codes_ = std::move(codes); }

 private:
  ClientAuth(Scheduler& scheduler, const Pace& pace, Publish publish);
  Status rotate();
  void rotate_later();

  Scheduler& scheduler_;
  Pace pace_;
  Publish publish_;
  std::string code_;
  std::string previous_;
  std::vector<std::string> other_codes_;
  Scheduler::TimerPtr timer_;
};

// The value of the mutable _other_client_auth_codes: an array of strings, none empty.
Result<std::vector<std::string>> other_codes_from_json(const Json& json);

}  // namespace kachery::api
