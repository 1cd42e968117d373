// Names and addresses: the validation rules of protocol.md section 1.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "codec/json.h"

namespace kachery {

inline constexpr std::string_view protocol_version = "kachery-p2p-0.7.0p";

bool is_node_label(std::string_view text);
bool is_channel_label(std::string_view text);
bool is_host_name(std::string_view text);
bool is_url(std::string_view text);  // http(s)://, at most 500 characters
bool is_daemon_version(std::string_view text);

// {hostName, port} or {url}.
struct Address {
  std::string host;  // empty: url counts
  double port = 0;   // 1-65535; the network's validator lets fractions pass, so connectable() may be false
  std::string url;

  static Result<Address> from_json(const Json& json);
  Json json() const;
  // "http://host:port" or the url without trailing slashes; append a path.
  std::string base_url() const;
  bool connectable() const;
  friend bool operator==(const Address&, const Address&) = default;
};

// The member `name` of `object`, null allowed: through JsonFields::any_or_null.
Result<std::optional<Address>> address_or_null(const std::optional<Json>& json);

}  // namespace kachery
