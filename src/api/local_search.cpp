// /findFile and /loadFile: answers in frames, as results and progress come
#include <algorithm>

#include "api/local_api.h"
#include "api/respond.h"
#include "base/limits.h"
#include "base/log.h"
#include "codec/json_fields.h"
#include "codec/json_frames.h"
#include "transfer/finder.h"

namespace kachery::api {

namespace {

// A chunked response of frames.
class FrameFlight : public Flight {
 public:
  FrameFlight(Flights& flights, HttpExchangePtr exchange)
      : flights_(flights), exchange_(std::move(exchange)) {
    exchange_->on_closed([this] { land(); });
    exchange_->start(200, {{"Content-Type", "application/octet-stream"}, {"Cache-Control", "no-store"}});
  }
  ~FrameFlight() override {
    exchange_->on_closed([] {});
  }

 protected:
  void send(const Json& frame) {
    if (!landed_) exchange_->write(json_frame(frame));
  }
  // The client does not keep up: leave out what it can do without.
  bool congested() const { return exchange_->unsent() > limits::frames_unsent_bytes; }
  void finish() {
    if (!landed_) exchange_->finish();
    land();
  }
  void land() {
    landed_ = true;
    flights_.land(*this);
  }

 private:
  Flights& flights_;
  HttpExchangePtr exchange_;
  bool landed_ = false;
};

class FindFlight final : public FrameFlight {
 public:
  FindFlight(Flights& flights, HttpExchangePtr exchange, FileKey key)
      : FrameFlight(flights, std::move(exchange)), key_(std::move(key)) {}

  void start(Network& network, const Store& store, milliseconds timeout) {
    if (const auto size = store.size_of(key_)) offer({network.own_id(), *size});
    flow_ = std::make_unique<FindFlow>(
        network, key_, timeout,
        FindFlow::Callbacks{[this](const Offer& found) { offer(found); },
                            [this](const std::vector<std::pair<NodeId, Error>>& unreachable) {
                              for (const auto& [node, error] : unreachable) {
                                log_debug("find {}: {} could not be asked: {}", key_.sha1.hex(), node.brief(),
                                          error.message);
                              }
                              finish();
                            }});
  }
  void stop(const Error&) override { finish(); }

 private:
  void offer(const Offer& found) {
    if (congested()) return;
    send(Json::object({{"nodeId", found.node.hex()}, {"fileKey", key_.json()}, {"fileSize", found.size}}));
  }

  FileKey key_;
  std::unique_ptr<FindFlow> flow_;
};

// While nothing changes (a slow disk, a provider that pauses), the last progress is repeated now and then:
// the client sees that we are there, and we see whether it is.
constexpr milliseconds heartbeat{5'000};

class LoadFlight final : public FrameFlight {
 public:
  LoadFlight(Flights& flights, HttpExchangePtr exchange, Scheduler& scheduler)
      : FrameFlight(flights, std::move(exchange)), scheduler_(scheduler) {}

  void start(Loader& loader, const FileKey& key, std::optional<NodeId> only_from) {
    watcher_ = loader.load(key, only_from,
                           {[this](const LoadProgress& progress) { report(progress); },
                            [this](const Result<std::string>& path) { done(path); }});
  }
  void stop(const Error& reason) override { done(tl::unexpected(reason)); }

 private:
  void report(LoadProgress progress) {  // by value: a timer that calls is replaced meanwhile
    // The Python client divides by bytesTotal.
    if (progress.bytes_total == 0) return;
    heartbeat_ = scheduler_.after(heartbeat, [this, progress] { report(progress); });
    if (congested()) return;
    send(Json::object({{"type", "progress"},
                       {"bytesLoaded", progress.bytes_loaded},
                       {"bytesTotal", progress.bytes_total},
                       {"nodeId", progress.node ? Json(progress.node->hex()) : Json()}}));
  }
  void done(const Result<std::string>& path) {
    heartbeat_.reset();
    if (path) {
      send(Json::object({{"type", "finished"}, {"localFilePath", *path}}));
    } else {
      send(Json::object(
          {{"type", "error"}, {"error", path.error().message}, {"errorCode", name_of(path.error().code)}}));
    }
    finish();
  }

  Scheduler& scheduler_;
  std::unique_ptr<Loader::Watcher> watcher_;
  Scheduler::TimerPtr heartbeat_;
};

// fromNode: a node id, or null (or absent) for any node.
Result<std::optional<NodeId>> from_node(const std::optional<Json>& json) {
  if (!json || json->is_null()) return std::nullopt;
  const auto id = json->is_string() ? NodeId::parse(json->string()) : std::nullopt;
  if (!id) return fail(Errc::invalid, "fromNode must be null or a node id of 64 hex digits");
  return id;
}

}  // namespace

void LocalApi::find_file(Call call) {
  JsonFields fields(call.body, "/findFile request");
  const Json key_json = fields.object("fileKey");
  const double timeout = fields.number("timeoutMsec");
  if (fields.ok() && !(timeout >= 0)) fields.problem("timeoutMsec", "must be 0 or more");
  if (const Status status = fields.finish(); !status) return respond_error(*call.exchange, status.error());
  const auto key = FileKey::from_json(key_json);
  if (!key) return respond_error(*call.exchange, key.error());
  const double bounded = std::min(timeout, static_cast<double>(limits::find_timeout_ms));
  flights_.launch<FindFlight>(flights_, call.exchange, *key)
      .start(context_.node, context_.store, milliseconds(static_cast<std::int64_t>(bounded)));
}

void LocalApi::load_file(Call call) {
  JsonFields fields(call.body, "/loadFile request");
  const Json key_json = fields.object("fileKey");
  const auto node_json = fields.optional_any("fromNode");
  if (const Status status = fields.finish(); !status) return respond_error(*call.exchange, status.error());
  const auto key = FileKey::from_json(key_json);
  if (!key) return respond_error(*call.exchange, key.error());
  const auto node = from_node(node_json);
  if (!node) return respond_error(*call.exchange, node.error());
  flights_.launch<LoadFlight>(flights_, call.exchange, context_.scheduler)
      .start(context_.loader, *key, *node);
}

}  // namespace kachery::api
