#include "api/client_auth.h"

#include <sodium.h>

#include <utility>

#include "base/ids.h"
#include "base/limits.h"
#include "base/log.h"

namespace kachery::api {

namespace {

constexpr std::size_t code_letters = 12;
constexpr milliseconds rotation_period{3 * 60'000};

// Empty codes fit nothing: there is no previous code at first.
bool same_code(const std::string& expected, std::string_view given) {
  return !expected.empty() && expected.size() == given.size() &&
         sodium_memcmp(expected.data(), given.data(), given.size()) == 0;
}

}  // namespace

Result<std::unique_ptr<ClientAuth>> ClientAuth::start(Scheduler& scheduler, const Pace& pace,
                                                      Publish publish) {
  std::unique_ptr<ClientAuth> auth(new ClientAuth(scheduler, pace, std::move(publish)));
  KACHERY_CHECK(auth->rotate());
  auth->rotate_later();
  return auth;
}

ClientAuth::ClientAuth(Scheduler& scheduler, const Pace& pace, Publish publish)
    : scheduler_(scheduler), pace_(pace), publish_(std::move(publish)) {}

Status ClientAuth::rotate() {
  std::string next = random_letters(code_letters);
  KACHERY_CHECK(publish_(next));
  previous_ = std::exchange(code_, std::move(next));
  return {};
}

void ClientAuth::rotate_later() {
  timer_ = scheduler_.after(pace_(rotation_period), [this] {
    if (const Status status = rotate(); !status) {
      log_warning("cannot change the client authorization code, the present one stays: {}",
                  status.error().message);
    }
    rotate_later();
  });
}

bool ClientAuth::is_client(std::string_view code) const {
  const bool present = same_code(code_, code);
  const bool previous = same_code(previous_, code);
  return present || previous;
}

bool ClientAuth::is_other_client(std::string_view code) const {
  bool any = false;
  for (const std::string& other : other_codes_) any = same_code(other, code) || any;
  return any;
}

Result<std::vector<std::string>> other_codes_from_json(const Json& json) {
  if (!json.is_array()) {
    return fail(Errc::invalid, "_other_client_auth_codes must be an array of strings");
  }
  if (json.size() > limits::other_client_codes) {
    return fail(Errc::too_large, "_other_client_auth_codes may hold {} codes, got {}",
                limits::other_client_codes, json.size());
  }
  std::vector<std::string> codes;
  for (std::size_t i = 0; i < json.size(); ++i) {
    if (!json[i].is_string() || json[i].string().empty()) {
      return fail(Errc::invalid, "_other_client_auth_codes[{}] must be a string that is not empty", i);
    }
    codes.emplace_back(json[i].string());
  }
  return codes;
}

}  // namespace kachery::api
