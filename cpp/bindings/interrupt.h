// Long calls without the GIL that Ctrl-C can end.
#pragma once

#include "bindings/gil.h"
#include "network/stop.h"

namespace prelunet {

// Polls for Ctrl-C about thirty times a second. Python's handler runs in the calling thread, with the GIL.
Interrupt signal_poll();

// Runs f(interrupt) with the GIL dropped; rethrows the exception of the signal handler.
template <class F>
void interruptible(F&& f) {
  bool finished = false;
  {
    const Interrupt interrupt = signal_poll();
    const WithoutGil without_gil;
    finished = f(interrupt);
  }
  if (!finished) throw py::error_already_set();
}

}  // namespace prelunet
