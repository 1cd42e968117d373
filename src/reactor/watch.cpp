// IoWatch and SignalWatch.
#include <utility>

#include "reactor/event_ptr.h"
#include "reactor/loop.h"

namespace kachery {

struct IoWatch::Impl : std::enable_shared_from_this<IoWatch::Impl> {
  Impl(Loop& loop, int fd, Callback readable, Callback writable)
      : on_readable(std::move(readable)),
        on_writable(std::move(writable)),
        read(new_event(loop.base(), fd, EV_READ | EV_PERSIST, &Impl::fired, this)),
        write(new_event(loop.base(), fd, EV_WRITE | EV_PERSIST, &Impl::fired, this)) {}

  static void fired(evutil_socket_t, short what, void* argument) {
    // The callback may destroy the watch; the function that runs must outlive that.
    const std::shared_ptr<Impl> self = static_cast<Impl*>(argument)->shared_from_this();
    const Callback& callback = (what & EV_READ) != 0 ? self->on_readable : self->on_writable;
    if (callback) callback();
  }

  static void want(const EventPtr& event, bool& current, bool wanted) {
    if (current == wanted) return;
    current = wanted;
    if (wanted) {
      event_add(event.get(), nullptr);
    } else {
      event_del(event.get());
    }
  }

  Callback on_readable;
  Callback on_writable;
  EventPtr read;
  EventPtr write;
  bool reading = false;
  bool writing = false;
};

IoWatch::IoWatch(Loop& loop, int fd, Callback on_readable, Callback on_writable)
    : impl_(std::make_shared<Impl>(loop, fd, std::move(on_readable), std::move(on_writable))) {}

IoWatch::~IoWatch() {
  // A callback that is running keeps the rest alive for a moment, during which `fd` may be closed.
  want_read(false);
  want_write(false);
}

void IoWatch::want_read(bool wanted) {
  Impl::want(impl_->read, impl_->reading, wanted);
}

void IoWatch::want_write(bool wanted) {
  Impl::want(impl_->write, impl_->writing, wanted);
}

struct SignalWatch::Impl : std::enable_shared_from_this<SignalWatch::Impl> {
  Impl(Loop& loop, int signal_number, std::function<void()> then)
      : callback(std::move(then)),
        event(new_event(loop.base(), signal_number, EV_SIGNAL | EV_PERSIST, &Impl::fired, this)) {
    event_add(event.get(), nullptr);
  }

  static void fired(evutil_socket_t, short, void* argument) {
    const std::shared_ptr<Impl> self = static_cast<Impl*>(argument)->shared_from_this();
    self->callback();
  }

  std::function<void()> callback;
  EventPtr event;
};

SignalWatch::SignalWatch(Loop& loop, int signal_number, std::function<void()> callback)
    : impl_(std::make_shared<Impl>(loop, signal_number, std::move(callback))) {}

SignalWatch::~SignalWatch() {
  event_del(impl_->event.get());
}

}  // namespace kachery
