// Ownership of libevent's events; for this room only.
#pragma once

#include <event2/event.h>

#include <memory>

namespace kachery {

struct EventFree {
  void operator()(event* e) const { event_free(e); }
};
using EventPtr = std::unique_ptr<event, EventFree>;

// Never null: libevent fails here only when memory is out or arguments are impossible, both of which end the
// program.
EventPtr new_event(event_base* base, evutil_socket_t fd, short what, event_callback_fn callback,
                   void* argument);

}  // namespace kachery
