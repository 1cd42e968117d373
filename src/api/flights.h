// Requests that take a while, kept until they end.
#pragma once

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/scheduler.h"

namespace kachery::api {

// One of them: owns what its request needs (an operation, a job's ticket); destroying it gives that up.
class Flight {
 public:
  virtual ~Flight() = default;
  // The daemon is about to end: those that could take long tell their client so and land.
  virtual void stop(const Error& reason) { static_cast<void>(reason); }
};

class Flights {
 public:
  // `scheduler` must outlive it.
  explicit Flights(Scheduler& scheduler) : scheduler_(scheduler) {}

  // T(arguments...), kept until it lands.
  template <class T, class... Arguments>
  T& launch(Arguments&&... arguments) {
    auto flight = std::make_unique<T>(std::forward<Arguments>(arguments)...);
    T& out = *flight;
    flying_.emplace(&out, std::move(flight));
    return out;
  }

  // Destroys `flight` once the loop is free, so that it may land from its own callbacks; any number of times.
  void land(Flight& flight);

  void stop_all(const Error& reason);
  std::size_t flying() const { return flying_.size(); }

 private:
  Scheduler& scheduler_;
  std::map<Flight*, std::unique_ptr<Flight>> flying_;
  // Landed ones; empties itself from the loop, which knows it by a weak reference only.
  std::shared_ptr<std::vector<std::unique_ptr<Flight>>> landed_ =
      std::make_shared<std::vector<std::unique_ptr<Flight>>>();
};

}  // namespace kachery::api
