// join-channel, leave-channel and get-channels
#include <fmt/format.h>

#include "cli/command.h"
#include "cli/output.h"

namespace kachery::cli {

namespace {

struct JoinOptions {
  std::string url;
  bool message_proxy = false;
  bool data_proxy = false;
  bool is_public = false;
};

int run_join(const Invocation& invocation, const JoinOptions& options) {
  return invocation.with_client([&](kachery_client* client) {
    const std::uint32_t roles = (options.message_proxy ? KACHERY_ROLE_MESSAGE_PROXY : 0) |
                                (options.data_proxy ? KACHERY_ROLE_DATA_PROXY : 0) |
                                (options.is_public ? KACHERY_ROLE_PUBLIC : 0);
    Text used;
    if (kachery_join_channel(client, options.url.c_str(), roles, used.out()) != KACHERY_OK) {
      return invocation.failed(client);
    }
    if (used.view() != options.url) {
      complain(invocation.command(),
               "warning: the gist's address names one revision; joined without it, to follow the newest");
    }
    return invocation.print(fmt::format("Joined channel {}", used.view()));
  });
}

struct LeaveOptions {
  std::string url;
};

int run_leave(const Invocation& invocation, const LeaveOptions& options) {
  return invocation.with_client([&](kachery_client* client) {
    if (kachery_leave_channel(client, options.url.c_str()) != KACHERY_OK) return invocation.failed(client);
    return invocation.print(fmt::format("Left channel {}", printable(options.url)));
  });
}

struct ChannelsOptions {
  bool json = false;
};

int run_channels(const Invocation& invocation, const ChannelsOptions& options) {
  return invocation.with_client([&](kachery_client* client) {
    Text json;
    if (kachery_get_channels(client, json.out()) != KACHERY_OK) return invocation.failed(client);
    if (options.json) return invocation.print(json.view());
    for (int i = 0;; ++i) {
      const auto at = [&json, i](const char* name) {
        return json_at(json.view(), fmt::format("/{}/{}", i, name));
      };
      const std::string url = at("channelConfigUrl");
      if (url.empty()) return 0;
      std::string line = printable(url);
      if (at("isMessageProxy") == "true") line += " (message-proxy)";
      if (at("isDataProxy") == "true") line += " (data-proxy)";
      if (at("isPublic") == "true") line += " (public)";
      if (const int status = invocation.print(line); status != 0) return status;
      if (const std::string error = at("error"); !error.empty() && error != "null") {
        complain(invocation.command(), fmt::format("warning: {}: {}", url, error));
      } else if (at("isAuthorized") == "false") {
        complain(invocation.command(),
                 fmt::format("warning: {}: this node is not among its authorizedNodes (see node-info)", url));
      }
    }
  });
}

}  // namespace

void add_join_channel(CLI::App& app, Choice& choice) {
  CLI::App* command = new_command(app, "join-channel", "Join a channel, or change this node's roles on it",
                                  "kachery-p2p join-channel https://example.org/my-channel.yaml");
  auto options = std::make_shared<JoinOptions>();
  command->add_option("url", options->url, "Where the channel's configuration is, http:// or https://")
      ->required()
      ->type_name("URL");
  command->add_flag("--message-proxy", options->message_proxy,
                    "Relay messages for nodes that cannot be reached");
  command->add_flag("--data-proxy", options->data_proxy, "Relay file data for such nodes");
  command->add_flag("--public", options->is_public, "Serve also nodes that the channel does not authorize");
  when_chosen(command, choice, options, run_join);
}

void add_leave_channel(CLI::App& app, Choice& choice) {
  CLI::App* command = new_command(app, "leave-channel", "Leave a channel",
                                  "kachery-p2p leave-channel https://example.org/my-channel.yaml");
  auto options = std::make_shared<LeaveOptions>();
  command->add_option("url", options->url, "The channel as get-channels shows it")
      ->required()
      ->type_name("URL");
  when_chosen(command, choice, options, run_leave);
}

void add_get_channels(CLI::App& app, Choice& choice) {
  CLI::App* command = new_command(app, "get-channels", "Print the joined channels with this node's roles",
                                  "kachery-p2p get-channels");
  auto options = std::make_shared<ChannelsOptions>();
  command->add_flag("--json", options->json, "Print a JSON array");
  when_chosen(command, choice, options, run_channels);
}

}  // namespace kachery::cli
