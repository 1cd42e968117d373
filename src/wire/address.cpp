#include "wire/address.h"

#include <fmt/format.h>

#include <cmath>

#include "base/limits.h"
#include "codec/json_fields.h"
#include "wire/fields.h"

namespace kachery {

namespace {

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Dot-separated parts, none empty, of letters, digits, `extra` (if not NUL) and inner hyphens.
bool is_dotted(std::string_view text, char extra) {
  std::size_t begin = 0;
  while (true) {
    const std::size_t dot = text.find('.', begin);
    const std::string_view part = text.substr(begin, dot == text.npos ? text.npos : dot - begin);
    if (part.empty() || part.front() == '-' || part.back() == '-') return false;
    for (const char c : part) {
      if (!is_alphanumeric(c) && c != '-' && (extra == '\0' || c != extra)) return false;
    }
    if (dot == text.npos) return true;
    begin = dot + 1;
  }
}

}  // namespace

bool is_node_label(std::string_view text) {
  return text.size() <= 20 && is_dotted(text, '@');
}

bool is_channel_label(std::string_view text) {
  if (text.size() < 4 || text.size() > 160) return false;
  for (const char c : text) {
    if (!is_alphanumeric(c) && c != '_' && c != '.' && c != '-') return false;
  }
  return true;
}

bool is_host_name(std::string_view text) {
  return text.size() <= limits::host_name_bytes && is_dotted(text, '\0');
}

bool is_url(std::string_view text) {
  if (!text.starts_with("http://") && !text.starts_with("https://")) return false;
  return utf16_length(text) <= 500;
}

bool is_daemon_version(std::string_view text) {
  if (text.size() < 4 || text.size() > 40) return false;
  for (const char c : text) {
    if (!is_alphanumeric(c) && c != '.' && c != ' ' && c != '-') return false;
  }
  return true;
}

Result<Address> Address::from_json(const Json& json) {
  JsonFields fields(json, "address");
  Address address;
  if (json.contains("url")) {
    address.url = url_field(fields, "url");
  } else {
    address.host = fields.string("hostName");
    address.port = fields.number("port");
    if (fields.ok() && !is_host_name(address.host)) {
      fields.problem("hostName", "must be a host name or an IPv4 address");
    }
    if (fields.ok() && !(address.port >= 1 && address.port <= 65535)) {
      fields.problem("port", "must be from 1 to 65535");
    }
  }
  KACHERY_CHECK(fields.finish());
  return address;
}

Json Address::json() const {
  if (host.empty()) return Json::object({{"url", url}});
  return Json::object({{"hostName", host}, {"port", port}});
}

std::string Address::base_url() const {
  if (!host.empty()) return fmt::format("http://{}:{}", host, static_cast<int>(port));
  std::string_view base = url;
  while (base.ends_with('/')) base.remove_suffix(1);
  return std::string(base);
}

bool Address::connectable() const {
  if (!host.empty()) return port >= 1 && port <= 65535 && std::floor(port) == port;
  const std::size_t begin = url.find("://");
  if (begin == url.npos) return false;
  for (const char c : url) {
    if (c <= ' ' || c > '~') return false;
  }
  const std::string_view rest = std::string_view(url).substr(begin + 3);
  return !rest.empty() && rest.front() != '/' && rest.front() != ':' &&
         rest.find_first_of("?#@") == rest.npos;
}

Result<std::optional<Address>> address_or_null(const std::optional<Json>& json) {
  if (!json || json->is_null()) return std::nullopt;
  KACHERY_TRY(Address address, Address::from_json(*json));
  return address;
}

}  // namespace kachery
