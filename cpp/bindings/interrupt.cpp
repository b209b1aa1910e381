#include "bindings/interrupt.h"

#include <chrono>
#include <utility>

namespace prelunet {

namespace {

thread_local std::shared_ptr<const StopRequest> followed;

// Python handles signals in the main thread only. (In a child that another thread forked, no thread handles them until
// the call returns.)
bool in_main_thread() {
  static const auto main = py::module_::import("threading").attr("main_thread")().attr("ident").cast<unsigned long>();
  return PyThread_get_thread_ident() == main;
}

}  // namespace

void follow(std::shared_ptr<const StopRequest> request) { followed = std::move(request); }

Interrupt signal_poll() {
  using Clock = std::chrono::steady_clock;
  if (!in_main_thread()) {
    return [request = followed] {
      if (request == nullptr || !request->is_set()) return false;
      const WithGil with_gil;
      PyErr_SetNone(PyExc_KeyboardInterrupt);
      return true;
    };
  }
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
