// The API for clients on this machine (protocol.md section 5).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "api/flights.h"
#include "api/router.h"
#include "db/mutables.h"
#include "node/node.h"
#include "store/jobs.h"
#include "store/store.h"
#include "transfer/loader.h"

namespace kachery::api {

struct Traffic {
  std::uint64_t http_sent = 0;  // bytes to and from other nodes and web servers
  std::uint64_t http_received = 0;
};

// What the routes work on. Everything must outlive the LocalApi.
struct LocalApiContext {
  Scheduler& scheduler;
  Node& node;
  const Store& store;
  StoreJobs& jobs;
  Loader& loader;
  Mutables& mutables;
  std::function<Traffic()> traffic;
  // Begins the clean end; called once its answer is on the way.
  std::function<void()> halt;
  // Whether `value` may be stored under `key`: the daemon's own settings must have the right form.
  std::function<Status(const Json& key, const Json& value)> check_mutable;
  // After it was stored, or (no value) deleted.
  std::function<void(const Json& key, const std::optional<Json>& value)> mutable_changed;
};

class LocalApi {
 public:
  explicit LocalApi(LocalApiContext context) : context_(std::move(context)), flights_(context_.scheduler) {}

  // The table; its handlers refer to this object.
  std::vector<Route> routes();

  // Ends finds and loads in progress, with `reason` to their clients. Stores go on.
  void stop(const Error& reason) { flights_.stop_all(reason); }

 private:
  void probe(Call call);
  void halt(Call call);
  void stats(Call call);
  void store_local_file(Call call);
  void link_local_file(Call call);
  void store_upload(Call call);
  void find_file(Call call);
  void load_file(Call call);
  void download_file_data(Call call);
  void mutable_get(Call call);
  void mutable_set(Call call);
  void mutable_delete(Call call);

  LocalApiContext context_;
  Flights flights_;
};

}  // namespace kachery::api
