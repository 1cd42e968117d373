// Joining and leaving: the mutable _joined_channels_config (protocol.md section 4).
#include <algorithm>
#include <string>
#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "client/asking.h"
#include "codec/uri.h"

namespace kachery::client {

namespace {

constexpr std::string_view config_key = "_joined_channels_config";
constexpr std::size_t longest_url = 500;

Status check_url(std::string_view url) {
  const bool scheme = url.starts_with("http://") || url.starts_with("https://");
  const std::size_t host = url.find("//") + 2;
  const bool readable = std::none_of(
      url.begin(), url.end(), [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; });
  if (!scheme || !readable || host >= url.size() || url[host] == '/' || url.size() > longest_url) {
    return fail(
        Errc::invalid,
        "a channel is named by the URL of its configuration, http:// or https:// and at most {} characters "
        "without spaces; got \"{}\"",
        longest_url, escaped(url, 100));
  }
  return {};
}

// The configuration; one without channels if there is none yet.
Result<Json> joined_config(Session& session) {
  auto config = get_mutable(session, config_key);
  if (!config && config.error().code == Errc::not_found) {
    return Json::object({{"joinedChannels", Json::array()}});
  }
  if (config && (!config->is_object() || !(*config)["joinedChannels"].is_array())) {
    return fail(Errc::damaged, "the daemon's list of joined channels (the mutable {}) has an unknown form",
                config_key);
  }
  return config;
}

// `config` with other channels; its further members stay.
Json with_channels(const Json& config, const Json& channels) {
  Json out = Json::object();
  for (const auto& [name, value] : config.members())
    out.set(name, name == "joinedChannels" ? channels : value);
  return out;
}

Json channel_entry(const Json& before, std::string_view url, Roles roles) {
  Json entry = Json::object();
  for (const auto& [name, value] : before.members()) entry.set(name, value);
  entry.set("channelConfigUrl", url);
  entry.set("isMessageProxy", roles.message_proxy);
  entry.set("isDataProxy", roles.data_proxy);
  entry.set("isPublic", roles.is_public);
  return entry;
}

}  // namespace

Result<std::string> join_channel(Session& session, std::string_view given_url, Roles roles) {
  KACHERY_CHECK(check_url(given_url));
  const std::string url = normalized_gist_url(given_url);
  KACHERY_TRY(const Json config, joined_config(session));
  const Json before = config["joinedChannels"];
  Json after = Json::array();
  bool known = false;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const bool same = before[i]["channelConfigUrl"].string() == url;
    if (same && known) continue;
    known = known || same;
    after.push(same ? channel_entry(before[i], url, roles) : before[i]);
  }
  if (!known) after.push(channel_entry(Json::object(), url, roles));
  if (after.size() > limits::channels) {
    return fail(Errc::too_large, "a node can join {} channels: leave another one first", limits::channels);
  }
  KACHERY_CHECK(set_mutable(session, config_key, with_channels(config, after)));
  return url;
}

Status leave_channel(Session& session, std::string_view given_url) {
  const std::string url = normalized_gist_url(given_url);
  KACHERY_TRY(const Json config, joined_config(session));
  const Json before = config["joinedChannels"];
  Json after = Json::array();
  for (std::size_t i = 0; i < before.size(); ++i) {
    const Json joined = before[i]["channelConfigUrl"];
    if (joined.string() != url && joined.string() != given_url) after.push(before[i]);
  }
  if (after.size() == before.size()) {
    return fail(Errc::not_found, "this node has not joined {}", escaped(given_url, 500));
  }
  return set_mutable(session, config_key, with_channels(config, after));
}

Result<Json> joined_channels(Session& session) {
  KACHERY_TRY(Daemon* const daemon, session.daemon());
  KACHERY_TRY(const DaemonInfo info, daemon->connect());
  const Json channels = info.probe["joinedChannels"];
  if (!channels.is_array()) {
    return fail(Errc::protocol, "the daemon's answer to /probe has no list of joinedChannels");
  }
  return channels;
}

}  // namespace kachery::client
