// Long calls without the GIL that Ctrl-C can end.
#pragma once

#include <atomic>
#include <memory>

#include "bindings/gil.h"
#include "network/stop.h"
#include "network/usage.h"

namespace prelunet {

// Ends the calls of all threads that follow it.
class StopRequest {
 public:
  void set() { set_.store(true, std::memory_order_relaxed); }
  bool is_set() const { return set_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> set_{false};
};

// From now on, the request ends long calls of the calling thread with a KeyboardInterrupt. Null: follow none.
void follow(std::shared_ptr<const StopRequest> request);

// Polls for Ctrl-C about thirty times a second. Python's handler runs in the calling thread, with the GIL. In other
// threads than the main one, polls the request that the thread follows.
Interrupt signal_poll();

// Uses a network (Usage::Reading or Writing), runs prepare(), and then f(interrupt) with the GIL dropped; rethrows the
// exception of the signal handler. The use ends before the GIL is taken again: another thread that holds the GIL is
// not refused while this one waits for it.
template <class Use, class F, class Prepare = void (*)()>
void interruptible(Usage& usage, const char* what, F&& f, Prepare&& prepare = [] {}) {
  bool finished = false;
  {
    DroppedGil gil;
    const Use use(usage, what);
    prepare();
    const Interrupt interrupt = signal_poll();
    gil.drop();
    finished = f(interrupt);
  }
  if (!finished) throw py::error_already_set();
}

}  // namespace prelunet
