// The GIL in threads that may outlive the interpreter.
//
// Before Python 3.14 a daemon thread that takes the GIL once the interpreter ends is itself ended by pthread_exit().
// With the GNU libraries that unwinds its stack, which neither a destructor nor a parallel region lets through: the
// whole process would abort. Such a thread is kept here until the process goes.
#pragma once

#include <pybind11/pybind11.h>

#include <chrono>
#include <optional>
#include <thread>

#ifdef __GLIBCXX__
#include <cxxabi.h>
#endif

#include "runtime/subnormals.h"

namespace prelunet {

namespace py = pybind11;

// Calls f, which takes the GIL.
template <class F>
void take_gil(F&& f) {
#ifdef __GLIBCXX__
  try {
    f();
  } catch (abi::__forced_unwind&) {  // it may not be caught for good, but nothing says how long a handler takes
    while (true) std::this_thread::sleep_for(std::chrono::seconds(1));
  }
#else
  f();
#endif
}

// Drops the GIL, and takes it again.
class WithoutGil {
 public:
  WithoutGil() : thread_(PyEval_SaveThread()) {}
  ~WithoutGil() {
    take_gil([this] { PyEval_RestoreThread(thread_); });
  }
  WithoutGil(const WithoutGil&) = delete;
  WithoutGil& operator=(const WithoutGil&) = delete;

 private:
  PyThreadState* thread_;
};

// Takes the GIL, and drops it again. Python runs with the subnormals of the caller.
class WithGil {
 public:
  WithGil() {
    take_gil([this] { acquire_.emplace(); });
  }
  WithGil(const WithGil&) = delete;
  WithGil& operator=(const WithGil&) = delete;

 private:
  KeepSubnormals keep_subnormals_;
  std::optional<py::gil_scoped_acquire> acquire_;
};

}  // namespace prelunet
