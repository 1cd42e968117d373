#include "node/channels.h"

#include <algorithm>

#include "base/ids.h"
#include "base/limits.h"
#include "base/log.h"
#include "codec/yaml.h"

namespace kachery {

namespace {

constexpr milliseconds refetch_period{3 * 60'000};
constexpr milliseconds first_retry{2'000};
constexpr milliseconds slowest_retry{30'000};
constexpr milliseconds fetch_timeout{20'000};
// How long a configuration outlives its source. Long enough for any outage of the host of the file; not for
// ever, since a node that was struck from the file must lose its access some day even if somebody blocks our
// way to the file.
constexpr milliseconds stale_limit{24 * 3'600'000};

// The address with a cache-busting query, since the hosts of channel files cache for minutes.
std::string busting_caches(const std::string& url) {
  const std::string without_fragment = url.substr(0, url.find('#'));
  const char separator = without_fragment.find('?') == std::string::npos ? '?' : '&';
  return fmt::format("{}{}cb={}", without_fragment, separator, random_letters(10));
}

Result<ChannelConfig> parse_config(const std::string& text) {
  KACHERY_TRY(const Json json, parse_yaml(text));
  return ChannelConfig::from_json(json);
}

}  // namespace

const AuthorizedNode* Channel::authorized(const NodeId& node) const {
  const auto found = index_.find(node);
  return found == index_.end() ? nullptr : &config_->authorized_nodes[found->second];
}

Channels::Channels(Scheduler& scheduler, HttpClient& http, const Pace& pace,
                   std::function<void(const Channel&)> changed)
    : scheduler_(scheduler), http_(http), pace_(pace), changed_(std::move(changed)) {}

void Channels::set_joined(std::vector<JoinedChannel> joined) {
  std::map<std::string, std::unique_ptr<Channel>, std::less<>> before = std::move(channels_);
  channels_.clear();
  joined_.clear();
  std::vector<Channel*> fresh;
  for (JoinedChannel& entry : joined) {
    const std::string url = entry.channel_config_url;
    if (channels_.contains(url)) continue;
    if (channels_.size() >= limits::channels) {
      log_warning("more than {} joined channels: {} and those after it are left out", limits::channels,
                  escaped(url));
      break;
    }
    joined_.push_back(entry);
    if (auto known = before.extract(url)) {
      known.mapped()->joined_ = std::move(entry);
      channels_.insert(std::move(known));
    } else {
      fresh.push_back((channels_[url] = std::make_unique<Channel>(std::move(entry))).get());
    }
  }
  for (Channel* channel : fresh) fetch(*channel);
}

void Channels::refresh() {
  for (const auto& [url, channel] : channels_) fetch(*channel);
}

const Channel* Channels::find(std::string_view url) const {
  const auto found = channels_.find(url);
  return found == channels_.end() ? nullptr : found->second.get();
}

void Channels::schedule(Channel& channel, milliseconds delay) {
  channel.timer_ = scheduler_.after(pace_(delay), [this, &channel] { fetch(channel); });
}

void Channels::fetch(Channel& channel) {
  channel.timer_.reset();
  HttpRequest request;
  request.url = busting_caches(channel.url());
  request.total_timeout = fetch_timeout;
  request.max_body_bytes = limits::yaml_bytes;
  request.follow_redirects = true;
  channel.call_ = http_.fetch(std::move(request), [this, &channel](Result<HttpResponse> response) {
    fetched(channel, std::move(response));
  });
}

void Channels::fetched(Channel& channel, Result<HttpResponse> response) {
  std::optional<Error> error;
  bool changed = false;
  if (!response) {
    error = response.error();
  } else if (response->status != 200) {
    error = Error{Errc::unreachable, fmt::format("the server answered with status {}", response->status)};
  } else if (!channel.config_ || response->body != channel.text_) {
    Result<ChannelConfig> config = parse_config(response->body);
    if (!config) {
      error = config.error();
    } else {
      channel.config_ = std::move(*config);
      channel.text_ = std::move(response->body);
      channel.index_.clear();
      for (std::size_t i = 0; i < channel.config_->authorized_nodes.size(); ++i) {
        channel.index_.emplace(channel.config_->authorized_nodes[i].node_id, i);
      }
      channel.configured_at_ = scheduler_.monotonic();
      changed = true;
      log_info("channel {}: {} authorized nodes, {} bootstraps, from {}", channel.config_->channel_label,
               channel.config_->authorized_nodes.size(), channel.config_->bootstrap_addresses.size(),
               escaped(channel.url()));
    }
  }
  const milliseconds now = scheduler_.monotonic();
  if (error) {
    if (channel.config_ && now - channel.fetched_at_ > pace_(stale_limit)) {
      log_error("channel {}: its file {} could not be had for {} hours: its nodes are no longer trusted",
                channel.config_->channel_label, escaped(channel.url()), stale_limit.count() / 3'600'000);
      channel.config_.reset();
      channel.index_.clear();
      channel.text_.clear();
      changed = true;
    }
    // Once per outage and kind of failure, not at every try.
    if (!channel.error_ || channel.error_->code != error->code) {
      log_warning("channel file {}: {}{}", escaped(channel.url()), error->message,
                  channel.config_ ? "; the configuration fetched before stays in force" : "");
    }
    channel.retry_delay_ = std::min(std::max(first_retry, channel.retry_delay_ * 2), slowest_retry);
    schedule(channel, channel.retry_delay_);
  } else {
    if (channel.error_) log_info("channel file {}: available again", escaped(channel.url()));
    channel.fetched_at_ = now;
    channel.retry_delay_ = milliseconds{0};
    schedule(channel, refetch_period);
  }
  channel.error_ = std::move(error);
  if (changed) changed_(channel);
}

}  // namespace kachery
