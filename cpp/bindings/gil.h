// The GIL in threads that may outlive the interpreter.
//
// Before Python 3.14, pthread_exit() ends a daemon thread that takes the GIL while the interpreter shuts down; code of
// Python takes it anew now and then. With the GNU libraries this unwinds the thread's stack. A destructor of a
// py::object would then run without the GIL, and neither a noexcept function nor a parallel region lets the unwinding
// pass. Such a thread sleeps here until the process exits.
#pragma once

#include <pybind11/pybind11.h>

#include <chrono>
#include <exception>
#include <optional>
#include <thread>

#include "runtime/subnormals.h"

namespace prelunet {

namespace py = pybind11;

// Calls f, which may take the GIL. f and what it calls of ours must own nothing that a destructor releases: when Python
// ends the thread, destructors within f run without the GIL.
template <class F>
void sleep_at_exit(F&& f) {
#ifdef __GLIBCXX__
  try {
    f();
  } catch (...) {
    // Forced unwinding is not a C++ exception: there is no current one. It must be rethrown or, as here, never leave.
    if (std::current_exception() != nullptr) throw;
    while (true) std::this_thread::sleep_for(std::chrono::seconds(1));
  }
#else
  f();
#endif
}

// Drops the GIL when drop() is called, and takes it again at the end of its scope. An object that is declared after it
// ends before the GIL is taken, which may take long.
class DroppedGil {
 public:
  DroppedGil() = default;
  ~DroppedGil() {
    if (thread_ != nullptr) sleep_at_exit([this] { PyEval_RestoreThread(thread_); });
  }
  DroppedGil(const DroppedGil&) = delete;
  DroppedGil& operator=(const DroppedGil&) = delete;

  void drop() { thread_ = PyEval_SaveThread(); }

 private:
  PyThreadState* thread_ = nullptr;
};

// Drops the GIL in its scope.
class WithoutGil {
 public:
  WithoutGil() { gil_.drop(); }

 private:
  DroppedGil gil_;
};

// Holds the GIL in its scope. Python runs with the caller's mode for subnormals.
class WithGil {
 public:
  WithGil() {
    sleep_at_exit([this] { acquire_.emplace(); });
  }
  WithGil(const WithGil&) = delete;
  WithGil& operator=(const WithGil&) = delete;

 private:
  KeepSubnormals keep_subnormals_;
  std::optional<py::gil_scoped_acquire> acquire_;
};

}  // namespace prelunet
