#include "daemon/daemon.h"

#include <unistd.h>

#include <csignal>
#include <optional>
#include <utility>

#include "api/client_auth.h"
#include "api/local_api.h"
#include "api/public_api.h"
#include "api/router.h"
#include "base/limits.h"
#include "base/log.h"
#include "daemon/settings.h"
#include "daemon/small_file.h"
#include "daemon/static_config.h"
#include "daemon/storage.h"
#include "daemon/worker_io.h"
#include "db/mutables.h"
#include "net/curl_http_client.h"
#include "net/http_server.h"
#include "node/node.h"
#include "reactor/loop.h"
#include "store/jobs.h"
#include "store/worker.h"
#include "transfer/loader.h"
#include "transfer/mirror.h"
#include "transfer/serve.h"
#include "transfer/streams.h"

namespace kachery::daemon {

namespace {

constexpr milliseconds drain_time{5'000};
constexpr milliseconds first_clean_up{60'000};
constexpr milliseconds clean_up_period{24 * 3'600'000};
constexpr std::int64_t partial_life_s = 7 * 86'400;
constexpr const char* cors_origin = "http://localhost:3000";

// UDP and WebSocket are not listened on, so they are not announced either.
NodeOptions node_options(const Options& options, const Environment& environment) {
  NodeOptions out;
  out.label = options.label;
  out.is_bootstrap = options.is_bootstrap;
  out.host = options.host;
  out.public_url = options.public_url;
  out.http_port = options.port;
  out.daemon_version = daemon_version();
  out.pace = Pace(environment.speedup);
  return out;
}

void warn_of_idle_options(const Options& options) {
  if (options.websocket_port) {
    log_warning("--websocket-port {}: this version has no WebSocket server, nothing listens there",
                *options.websocket_port);
  }
  if (options.udp_port) {
    log_warning("--udp-port {}: this version does not use UDP, nothing listens there", *options.udp_port);
  }
  if ((options.host || options.public_url) && !options.port) {
    log_warning(
        "--host and --public-url have no effect without --port: other nodes cannot connect to this one");
  }
}

Result<std::unique_ptr<Worker>> start_worker(const Storage& storage) {
  WorkerJobTable jobs;
  add_store_jobs(jobs, storage.store);
  add_mutables_jobs(jobs, storage.mutables_path());
  return Worker::start(std::move(jobs));
}

}  // namespace

// Members are in the order of their needs: each uses only those above it.
struct Daemon::Impl {
  Impl(const Options& given_options, const Environment& given_environment,
       std::unique_ptr<Storage> taken_storage, std::unique_ptr<Worker> started_worker)
      : options(given_options),
        environment(given_environment),
        storage(std::move(taken_storage)),
        worker(std::move(started_worker)) {}

  Status open(const StoredSettings& stored);
  Status open_servers();
  Status configure(const StoredSettings& stored);
  Status publish(const StoredSettings& stored);
  void watch_signals();
  void use_static_config(const StaticConfig& config);
  void on_end_signal(int signal_number);
  void reload();
  void stop(std::string_view why);
  void stop_if_drained();
  void clean_up_after(milliseconds delay);
  api::LocalApiContext local_context();
  api::Traffic traffic() const;
  bool authorized(std::string_view code, api::Access access) const;
  std::string client_auth_path() const { return storage->store.root() + "/client-auth"; }
  std::string ready_line() const;

  Options options;
  Environment environment;
  // At a fixed place: the jobs of a restarted worker refer to the store.
  std::unique_ptr<Storage> storage;
  Loop loop;  // outlives the worker, whose waiting callbacks hold exchanges
  std::unique_ptr<Worker> worker;
  WorkerIo worker_io{loop, *worker};
  std::unique_ptr<HttpClient> http =
      make_curl_http_client(loop, fmt::format("kachery-p2p/{}", KACHERY_VERSION));
  StoreJobs jobs{storage->store, *worker};
  Mutables mutables{*worker};
  Node node{loop, *http, storage->identity.key, node_options(options, environment)};
  Streams streams{loop, storage->store};
  Loader loader{node, storage->store, jobs};
  std::unique_ptr<Mirror::Mediator> mirror_mediator = make_mirror_mediator(node, storage->store, loader);
  Mirror mirror{*mirror_mediator};
  std::unique_ptr<api::ClientAuth> client_auth;
  Settings settings{
      {[this](std::vector<JoinedChannel> channels) { node.set_joined_channels(std::move(channels)); },
       [this](std::vector<std::string> codes) { client_auth->set_other_codes(std::move(codes)); }},
      options.static_config.has_value()};
  std::optional<StaticConfigSource> static_config;
  api::LocalApi local_api{local_context()};
  api::Router local_router{
      local_api.routes(),
      {false, limits::http_api_body_bytes,
       [this](std::string_view code, api::Access access) { return authorized(code, access); }, cors_origin}};
  api::Router public_router{api::public_routes(node, streams),
                            {true, limits::http_public_body_bytes, {}, {}, limits::json_public_values}};
  std::unique_ptr<HttpServer> local_server;
  std::unique_ptr<HttpServer> public_server;
  std::vector<std::unique_ptr<SignalWatch>> signals;
  Scheduler::TimerPtr clean_up_timer;
  WorkerTicketPtr clean_up_job;

  bool stopping = false;
  int draining = 0;  // servers that still have exchanges in progress
  Scheduler::TimerPtr drain_timer;
};

Status Daemon::Impl::open(const StoredSettings& stored) {
  serve_files(node, storage->store, streams);
  KACHERY_CHECK(open_servers());
  KACHERY_CHECK(configure(stored));
  KACHERY_CHECK(publish(stored));
  watch_signals();
  clean_up_after(first_clean_up);
  return {};
}

Status Daemon::Impl::open_servers() {
  KACHERY_TRY(const std::string api_address, listen_address(environment.api_host));
  KACHERY_TRY(local_server, HttpServer::open(loop, api_address, environment.api_port,
                                             {limits::http_connections, limits::http_api_json_bytes_total},
                                             [this](HttpExchangePtr exchange) {
                                               local_router.dispatch(std::move(exchange));
                                             }));
  if (!options.port) return {};
  KACHERY_TRY(
      public_server,
      HttpServer::open(loop, "0.0.0.0", *options.port,
                       {limits::http_connections, limits::http_public_json_bytes_total},
                       [this](HttpExchangePtr exchange) { public_router.dispatch(std::move(exchange)); }));
  return {};
}

Status Daemon::Impl::configure(const StoredSettings& stored) {
  settings.apply(Json(joined_channels_key), stored.joined_channels);
  if (!options.static_config) return {};
  static_config.emplace(loop, Pace(environment.speedup), *http, *options.static_config,
                        [this](const StaticConfig& config) { use_static_config(config); });
  return static_config->start();
}

// What clients read in the storage directory (protocol.md section 3): the last step of those that can fail.
Status Daemon::Impl::publish(const StoredSettings& stored) {
  KACHERY_CHECK(replace_file(storage->store.root() + "/kachery-node-id", node.own_id().hex(), 0644, {}));
  std::optional<gid_t> group;
  if (options.auth_group) {
    KACHERY_TRY(group, group_id(*options.auth_group));
  }
  KACHERY_TRY(client_auth,
              api::ClientAuth::start(loop, Pace(environment.speedup), [this, group](const std::string& code) {
                return replace_file(client_auth_path(), code, 0640, group);
              }));
  settings.apply(Json(other_client_codes_key), stored.other_client_codes);
  return {};
}

void Daemon::Impl::use_static_config(const StaticConfig& config) {
  node.set_joined_channels(config.joined_channels);
  mirror.set_sources(config.mirror_sources);
}

void Daemon::Impl::watch_signals() {
  for (const int number : {SIGTERM, SIGINT}) {
    signals.push_back(std::make_unique<SignalWatch>(loop, number, [this, number] { on_end_signal(number); }));
  }
  signals.push_back(std::make_unique<SignalWatch>(loop, SIGHUP, [this] { reload(); }));
}

void Daemon::Impl::on_end_signal(int signal_number) {
  // The second one: whoever sent it does not want to wait.
  if (stopping) ::_exit(128 + signal_number);
  stop(signal_number == SIGINT ? "interrupted" : "told to end");
}

void Daemon::Impl::reload() {
  log_info("reading the configuration again");
  if (static_config) static_config->reload();
  node.refresh_channels();
}

void Daemon::Impl::stop(std::string_view why) {
  if (std::exchange(stopping, true)) return;
  write_log(LogLevel::info, fmt::format("{}, ending", why));
  local_api.stop(Error{Errc::cancelled, "the daemon is ending: start it again and repeat the request"});
  mirror.set_sources({});
  drain_timer = loop.after(drain_time, [this] { loop.stop(); });
  for (HttpServer* server : {local_server.get(), public_server.get()}) {
    if (server == nullptr) continue;
    ++draining;
    server->drain([this] {
      --draining;
      stop_if_drained();
    });
  }
}

void Daemon::Impl::stop_if_drained() {
  if (draining == 0) loop.stop();
}

// Partial loads that nobody took up again for days.
void Daemon::Impl::clean_up_after(milliseconds delay) {
  clean_up_timer = loop.after(delay, [this] {
    clean_up_job = jobs.remove_stale_partials(partial_life_s, [](const Result<std::uint64_t>& freed) {
      if (!freed) {
        log_warning("cannot remove old partial files: {}", freed.error().message);
      } else if (*freed > 0) {
        log_info("removed {} bytes of old partial files", *freed);
      }
    });
    clean_up_after(clean_up_period);
  });
}

api::LocalApiContext Daemon::Impl::local_context() {
  return {loop,
          node,
          storage->store,
          jobs,
          loader,
          mutables,
          [this] { return traffic(); },
          [this] { stop("halted by a client"); },
          [this](const Json& key, const Json& value) { return settings.check(key, value); },
          [this](const Json& key, const std::optional<Json>& value) { settings.apply(key, value); }};
}

api::Traffic Daemon::Impl::traffic() const {
  api::Traffic out{http->bytes_sent(), http->bytes_received()};
  if (public_server) {
    out.http_sent += public_server->bytes_sent();
    out.http_received += public_server->bytes_received();
  }
  return out;
}

bool Daemon::Impl::authorized(std::string_view code, api::Access access) const {
  return client_auth->is_client(code) ||
         (access == api::Access::client_or_other && client_auth->is_other_client(code));
}

std::string Daemon::Impl::ready_line() const {
  return fmt::format("{} is ready: node {}, label {}, API {}:{}, {}, storage {}", daemon_version(),
                     node.own_id().hex(), options.label, environment.api_host, local_server->port(),
                     public_server ? fmt::format("public port {}", public_server->port()) : "no public port",
                     storage->store.root());
}

Result<std::unique_ptr<Daemon>> Daemon::start(const Options& options, const Environment& environment) {
  const std::string owner =
      fmt::format("label {}, process {}, API port {}", options.label, ::getpid(), environment.api_port);
  KACHERY_TRY(Storage taken, Storage::open(environment, owner));
  auto storage = std::make_unique<Storage>(std::move(taken));
  KACHERY_TRY(const StoredSettings stored, StoredSettings::read(storage->mutables_path()));
  // Before there is anything that a child should not inherit.
  KACHERY_TRY(auto worker, start_worker(*storage));
  warn_of_idle_options(options);
  auto impl = std::make_unique<Impl>(options, environment, std::move(storage), std::move(worker));
  KACHERY_CHECK(impl->open(stored));
  return std::unique_ptr<Daemon>(new Daemon(std::move(impl)));
}

Daemon::Daemon(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Daemon::~Daemon() = default;

void Daemon::run() {
  write_log(LogLevel::info, impl_->ready_line());
  impl_->loop.run();
  // The code is worth nothing any more; its absence tells clients that no daemon runs.
  ::unlink(impl_->client_auth_path().c_str());
}

}  // namespace kachery::daemon
