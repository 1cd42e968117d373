#include "node/bootstrap_prober.h"

#include <algorithm>
#include <set>

#include "base/log.h"

namespace kachery {

namespace {

constexpr milliseconds period{15'000};
constexpr milliseconds start_up_period{1'000};
constexpr milliseconds start_up{10'000};
constexpr milliseconds probe_timeout{5'000};

Result<ProbeResponse> parse_probe(const Result<HttpResponse>& response) {
  if (!response) return fail(response.error());
  if (response->status != 200) return fail(Errc::refused, "answered with status {}", response->status);
  KACHERY_TRY(const Json json, Json::parse(response->body));
  KACHERY_TRY(ProbeResponse probe, ProbeResponse::from_json(json));
  if (!probe.is_bootstrap)
    return fail(Errc::refused, "node {} says that it is no bootstrap node", probe.node_id.brief());
  return probe;
}

}  // namespace

BootstrapProber::BootstrapProber(Scheduler& scheduler, HttpClient& http, const Pace& pace,
                                 const NodeId& own_id, const Channels& channels, RemoteNodes& nodes,
                                 std::function<void(const NodeId&)> appeared)
    : scheduler_(scheduler),
      http_(http),
      pace_(pace),
      own_id_(own_id),
      channels_(channels),
      nodes_(nodes),
      appeared_(std::move(appeared)) {}

void BootstrapProber::update() {
  std::map<std::string, Address> wanted;
  for (const auto& [url, channel] : channels_.all()) {
    if (channel->config() == nullptr) continue;
    for (const Address& address : channel->config()->bootstrap_addresses) {
      if (address.connectable()) wanted.emplace(address.base_url(), address);
    }
  }
  for (auto target = targets_.begin(); target != targets_.end();) {
    const auto current = target++;
    if (wanted.contains(current->first)) continue;
    forget_node(current->second);
    targets_.erase(current);
  }
  for (const auto& [base_url, address] : wanted) {
    if (targets_.contains(base_url)) continue;
    Target& target = targets_[base_url];
    target.address = address;
    target.added_at = scheduler_.monotonic();
    probe(target);
  }
}

std::vector<NodeId> BootstrapProber::bootstraps_of(const Channel& channel) const {
  std::vector<NodeId> out;
  if (channel.config() == nullptr) return out;
  for (const Address& address : channel.config()->bootstrap_addresses) {
    const auto target = targets_.find(address.base_url());
    if (target == targets_.end() || !target->second.node) continue;
    if (std::ranges::find(out, *target->second.node) == out.end()) out.push_back(*target->second.node);
  }
  return out;
}

Json BootstrapProber::json() const {
  Json out = Json::array();
  for (const auto& [base_url, target] : targets_) {
    out.push(Json::object({{"address", target.address.json()},
                           {"nodeId", target.node ? Json(target.node->hex()) : Json()},
                           {"error", target.error ? Json(*target.error) : Json()}}));
  }
  return out;
}

void BootstrapProber::probe(Target& target) {
  HttpRequest request;
  request.method = "POST";
  request.url = target.address.base_url() + "/probe";
  request.headers = {"Content-Type: application/json"};
  request.body = "{}";
  request.total_timeout = pace_(probe_timeout);
  request.max_body_bytes = 64u << 10;
  target.call = http_.fetch(std::move(request), [this, &target](Result<HttpResponse> response) {
    answered(target, std::move(response));
  });
}

void BootstrapProber::answered(Target& target, Result<HttpResponse> response) {
  const Result<ProbeResponse> probe = parse_probe(response);
  const bool hurry = !probe && scheduler_.monotonic() - target.added_at < pace_(start_up);
  target.timer =
      scheduler_.after(pace_(hurry ? start_up_period : period), [this, &target] { this->probe(target); });
  if (!probe) {
    if (target.error != probe.error().message) {
      log_warning("bootstrap {}: {}", escaped(target.address.base_url()), probe.error().message);
    }
    target.error = probe.error().message;
    if (target.node) {
      if (RemoteNode* node = nodes_.find(*target.node)) node->online = false;
    }
    return;
  }
  set_node(target, *probe);
}

void BootstrapProber::set_node(Target& target, const ProbeResponse& probe) {
  const bool news = target.error.has_value() || target.node != probe.node_id;
  target.error.reset();
  if (probe.node_id == own_id_) {
    forget_node(target);
    return;
  }
  if (target.node != probe.node_id) {
    forget_node(target);
    log_info("bootstrap {} is node {}", escaped(target.address.base_url()), probe.node_id.brief());
  }
  target.node = probe.node_id;
  RemoteNode& node = nodes_.get_or_add(probe.node_id);
  node.bootstrap = BootstrapNode{target.address, probe.web_socket_address, probe.public_udp_socket_address};
  node.online = true;
  node.last_heard = scheduler_.monotonic();
  if (news) appeared_(probe.node_id);
}

void BootstrapProber::forget_node(Target& target) {
  if (!target.node) return;
  const NodeId id = *target.node;
  target.node.reset();
  const bool elsewhere =
      std::ranges::any_of(targets_, [&](const auto& entry) { return entry.second.node == id; });
  if (RemoteNode* node = nodes_.find(id); node != nullptr && !elsewhere) node->bootstrap.reset();
}

}  // namespace kachery
