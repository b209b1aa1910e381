#include "bindings/interrupt.h"

#include <chrono>

namespace prelunet {

namespace {

// Python handles signals in the main thread only. (In a child that another thread forked, no thread handles them until
// the call returns.)
bool in_main_thread() {
  static const auto main = py::module_::import("threading").attr("main_thread")().attr("ident").cast<unsigned long>();
  return PyThread_get_thread_ident() == main;
}

}  // namespace

Interrupt signal_poll() {
  using Clock = std::chrono::steady_clock;
  if (!in_main_thread()) return [] { return false; };
  return [last = Clock::now()]() mutable {
    constexpr auto kInterval = std::chrono::milliseconds(30);
    const auto now = Clock::now();
    if (now - last < kInterval) return false;
    last = now;
    const WithGil with_gil;
    return PyErr_CheckSignals() != 0;
  };
}

}  // namespace prelunet
