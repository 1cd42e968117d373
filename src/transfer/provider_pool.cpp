#include "transfer/provider_pool.h"

#include <algorithm>
#include <tuple>

namespace kachery {

namespace {

// How many failures in a row a provider may have before it rests.
constexpr unsigned max_failures = 3;

// How bad a provider's failure is for the client to know, and the code that says it.
std::pair<int, Errc> rank(Errc code) {
  switch (code) {
    case Errc::damaged:
    case Errc::protocol:
    case Errc::too_large:
      return {4, Errc::damaged};
    case Errc::stalled:
      return {3, Errc::stalled};
    case Errc::refused:
    case Errc::not_found:
    case Errc::unauthorized:
    case Errc::busy:
      return {2, Errc::refused};
    case Errc::no_space:
      return {1, Errc::no_space};
    default:
      return {0, Errc::unreachable};
  }
}

std::string_view phrase(Errc code) {
  switch (code) {
    case Errc::damaged:
      return "what arrived was damaged";
    case Errc::stalled:
      return "the sender stopped sending";
    case Errc::refused:
      return "the nodes that offered the file refused to send it";
    case Errc::no_space:
      return "there is no room for the file";
    default:
      return "the nodes that have the file could not be reached";
  }
}

}  // namespace

void ProviderPool::add(const Offer& offer) {
  if (Provider* known = find(offer.node)) {
    known->size = offer.size;
    known->resting = false;
    known->failures = 0;
    return;
  }
  Provider provider;
  provider.node = offer.node;
  provider.size = offer.size;
  providers_.push_back(std::move(provider));
}

bool ProviderPool::any_usable() const {
  return std::any_of(providers_.begin(), providers_.end(), [](const Provider& p) { return p.usable(); });
}

bool ProviderPool::any_usable(std::uint64_t size) const {
  return std::any_of(providers_.begin(), providers_.end(),
                     [&](const Provider& p) { return p.usable() && p.size == size; });
}

bool ProviderPool::any_offering(std::uint64_t size) const {
  return std::any_of(providers_.begin(), providers_.end(), [&](const Provider& p) { return p.size == size; });
}

bool ProviderPool::any_spare(std::uint64_t size, const NodeId& except) const {
  return std::any_of(providers_.begin(), providers_.end(), [&](const Provider& p) {
    return p.usable() && p.size == size && !p.slow && p.in_flight == 0 && p.node != except;
  });
}

std::optional<std::uint64_t> ProviderPool::usable_size() const {
  for (const Provider& provider : providers_) {
    if (provider.usable()) return provider.size;
  }
  return std::nullopt;
}

std::optional<NodeId> ProviderPool::pick(std::uint64_t size, const std::optional<NodeId>& avoid) const {
  const auto merit = [&](const Provider& p) {
    return std::tuple(p.node == avoid, p.slow, p.failures, p.in_flight);
  };
  const Provider* best = nullptr;
  for (const Provider& provider : providers_) {
    if (!provider.usable() || provider.size != size || provider.in_flight >= max_in_flight) continue;
    if (best == nullptr || merit(provider) < merit(*best)) best = &provider;
  }
  if (best == nullptr) return std::nullopt;
  return best->node;
}

std::optional<NodeId> ProviderPool::pick_for_manifest() {
  for (Provider& provider : providers_) {
    if (!provider.usable() || provider.asked_manifest) continue;
    provider.asked_manifest = true;
    return provider.node;
  }
  return std::nullopt;
}

void ProviderPool::started(const NodeId& node) {
  if (Provider* provider = find(node)) ++provider->in_flight;
}

void ProviderPool::stopped(const NodeId& node) {
  if (Provider* provider = find(node); provider != nullptr && provider->in_flight > 0) --provider->in_flight;
}

void ProviderPool::delivered(const NodeId& node) {
  stopped(node);
  if (Provider* provider = find(node)) provider->failures = 0;
}

void ProviderPool::failed(const NodeId& node, const Error& error) {
  stopped(node);
  Provider* provider = find(node);
  if (provider == nullptr) return;
  set_error(*provider, error);
  if (error.code == Errc::damaged) {
    provider->blamed = true;
    return;
  }
  ++provider->failures;
  // Trying again at once would cost as much time or as many bytes, with the same end.
  const bool hopeless = error.code == Errc::stalled || error.code == Errc::timed_out ||
                        error.code == Errc::not_found || error.code == Errc::protocol;
  if (hopeless || provider->failures >= max_failures) provider->resting = true;
}

void ProviderPool::manifest_failed(const NodeId& node, const Error& error) {
  Provider* provider = find(node);
  if (provider == nullptr || error.code != Errc::damaged) return;
  set_error(*provider, error);
  provider->blamed = true;
}

void ProviderPool::too_slow(const NodeId& node) {
  stopped(node);
  if (Provider* provider = find(node)) provider->slow = true;
}

void ProviderPool::rule_out(std::uint64_t size, const Error& error) {
  for (Provider& provider : providers_) {
    if (provider.size != size || provider.blamed) continue;
    set_error(provider, error);
    provider.resting = true;
  }
}

Error ProviderPool::summary(const Network& network) const {
  const Provider* worst = nullptr;
  const auto badness = [](const Provider& p) { return p.error ? rank(p.error->code).first : -1; };
  for (const Provider& provider : providers_) {
    if (worst == nullptr || badness(provider) > badness(*worst)) worst = &provider;
  }
  if (worst == nullptr || !worst->error) {
    return Error{Errc::unreachable, "the nodes that offered the file do not offer it any more"};
  }
  const Errc code = rank(worst->error->code).second;
  std::string message(phrase(code));
  message += fmt::format(": {}: {}", network.display_name(worst->node), worst->error->message);
  // Two more names are enough to see what is going on.
  int more = 2;
  for (const Provider& provider : providers_) {
    if (&provider == worst || !provider.error || more-- == 0) continue;
    message += fmt::format("; {}: {}", network.display_name(provider.node), provider.error->message);
    if (more == 0) break;
  }
  return Error{code, std::move(message)};
}

ProviderPool::Provider* ProviderPool::find(const NodeId& node) {
  for (Provider& provider : providers_) {
    if (provider.node == node) return &provider;
  }
  return nullptr;
}

// Keeps what is worse: a provider that sent damaged data and then went away is the one that sent damaged
// data.
void ProviderPool::set_error(Provider& provider, const Error& error) {
  if (provider.error && rank(provider.error->code).first > rank(error.code).first) return;
  provider.error = error;
}

}  // namespace kachery
