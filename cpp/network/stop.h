// Whether a run is to end early: rank 0 asks, the others see its answer.
#pragma once

#include <atomic>
#include <functional>

#include "runtime/team.h"

namespace prelunet {

// Asked now and then by the calling thread; true: stop here. It must not throw.
using Interrupt = std::function<bool()>;

class Stop {
 public:
  explicit Stop(const Interrupt& interrupt) : interrupt_(interrupt) {}
  void ask(const Team& team) {
    if (team.rank() == 0 && !asked() && interrupt_ && interrupt_()) stopped_.store(true, std::memory_order_relaxed);
  }
  // By every thread alike only once the team has met since.
  bool asked() const { return stopped_.load(std::memory_order_relaxed); }

 private:
  const Interrupt& interrupt_;
  std::atomic<bool> stopped_{false};
};

}  // namespace prelunet
