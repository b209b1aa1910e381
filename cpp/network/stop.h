// Ends a run early: rank 0 polls the interrupt, and the other threads read the result.
#pragma once

#include <atomic>
#include <functional>

#include "runtime/team.h"

namespace prelunet {

// Polled by the calling thread; true: stop. It must not throw.
using Interrupt = std::function<bool()>;

class Stop {
 public:
  explicit Stop(const Interrupt& interrupt) : interrupt_(interrupt) {}
  void ask(const Team& team) {
    if (team.rank() == 0 && !asked() && interrupt_ && interrupt_()) stopped_.store(true, std::memory_order_relaxed);
  }
  // All threads see the same value only after a barrier.
  bool asked() const { return stopped_.load(std::memory_order_relaxed); }

 private:
  const Interrupt& interrupt_;
  std::atomic<bool> stopped_{false};
};

}  // namespace prelunet
