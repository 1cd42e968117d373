#include "api/flights.h"

namespace kachery::api {

void Flights::land(Flight& flight) {
  auto node = flying_.extract(&flight);
  if (node.empty()) return;
  landed_->push_back(std::move(node.mapped()));
  scheduler_.defer([weak = std::weak_ptr(landed_)] {
    if (const auto landed = weak.lock()) landed->clear();
  });
}

void Flights::stop_all(const Error& reason) {
  std::vector<Flight*> all;
  for (const auto& [flight, owner] : flying_) all.push_back(flight);
  for (Flight* flight : all) {
    if (flying_.contains(flight)) flight->stop(reason);
  }
}

}  // namespace kachery::api
