// The joined channels and their configurations, fetched and kept fresh (protocol.md section 4).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/scheduler.h"
#include "net/http_client.h"
#include "wire/channel_config.h"

namespace kachery {

// One joined channel.
class Channel {
 public:
  explicit Channel(JoinedChannel joined) : joined_(std::move(joined)) {}

  const std::string& url() const { return joined_.channel_config_url; }
  const JoinedChannel& joined() const { return joined_; }
  // Null until it was fetched once, and when it could not be fetched for too long.
  const ChannelConfig* config() const { return config_ ? &*config_ : nullptr; }
  // The node's entry in the configuration; null if it has none (or there is no configuration).
  const AuthorizedNode* authorized(const NodeId& node) const;
  // Why the last fetch failed; nothing after a good one.
  const std::optional<Error>& error() const { return error_; }
  // When the configuration, as it is now, was first seen, by Scheduler::monotonic().
  milliseconds configured_at() const { return configured_at_; }

 private:
  friend class Channels;
  JoinedChannel joined_;
  std::optional<ChannelConfig> config_;
  std::unordered_map<NodeId, std::size_t> index_;  // into config_->authorized_nodes
  std::optional<Error> error_;
  std::string text_;  // as fetched: an unchanged file is not parsed again
  milliseconds configured_at_{0};
  milliseconds fetched_at_{0};
  milliseconds retry_delay_{0};
  HttpCallPtr call_;
  Scheduler::TimerPtr timer_;
};

class Channels {
 public:
  // `changed` is called from the loop when a configuration arrived, changed or was given up.
  Channels(Scheduler& scheduler, HttpClient& http, const Pace& pace,
           std::function<void(const Channel&)> changed);

  // Fetches new channels at once; keeps the configurations of those that stay. Of a repeated URL the first
  // counts. At most limits::channels.
  void set_joined(std::vector<JoinedChannel> joined);
  const std::vector<JoinedChannel>& joined() const { return joined_; }
  // Fetches every configuration again, now.
  void refresh();

  const Channel* find(std::string_view url) const;
  const std::map<std::string, std::unique_ptr<Channel>, std::less<>>& all() const { return channels_; }

 private:
  void fetch(Channel& channel);
  void fetched(Channel& channel, Result<HttpResponse> response);
  void schedule(Channel& channel, milliseconds delay);

  Scheduler& scheduler_;
  HttpClient& http_;
  const Pace& pace_;
  std::function<void(const Channel&)> changed_;
  std::vector<JoinedChannel> joined_;
  std::map<std::string, std::unique_ptr<Channel>, std::less<>> channels_;
};

}  // namespace kachery
