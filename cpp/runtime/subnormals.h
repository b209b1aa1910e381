// Subnormal numbers count as zero while a network computes: a product of them takes a microcode assist on Intel, and a
// net with saturated outputs or dead units makes many, up to 50 times slower. The processor's mode does it, for inputs
// and results, in each thread of a team, and ends with the team. x86 decides after rounding and Arm before: a result
// that rounds up to the smallest normal number is kept on x86 and is 0 on Arm. Single ops (pn.ops) keep subnormals.
#pragma once

#include <cstdint>
#include <utility>

#include "runtime/team.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <xmmintrin.h>
#elif !defined(__aarch64__)
#error "no way to flush subnormals is known for this processor"
#endif

namespace prelunet {

// Zeroes subnormals in the calling thread as long as it lives.
class FlushSubnormals {
 public:
  FlushSubnormals() : before_(mode()), outer_(innermost_) {
    set_mode(before_ | kFlush);
    innermost_ = this;
  }
  ~FlushSubnormals() {
    innermost_ = outer_;
    set_mode(before_);
  }
  FlushSubnormals(const FlushSubnormals&) = delete;
  FlushSubnormals& operator=(const FlushSubnormals&) = delete;

 private:
  friend class KeepSubnormals;

#if defined(__aarch64__)
  using Mode = std::uint64_t;
  static constexpr Mode kFlush = Mode{1} << 24;  // FPCR.FZ
  static Mode mode() {
    Mode value;
    asm volatile("mrs %0, fpcr" : "=r"(value));
    return value;
  }
  static void set_mode(Mode value) { asm volatile("msr fpcr, %0" ::"r"(value) : "memory"); }
#else
  using Mode = std::uint32_t;
  static constexpr Mode kFlush = 0x8040;  // MXCSR.FTZ and MXCSR.DAZ
  static Mode mode() { return _mm_getcsr(); }
  static void set_mode(Mode value) { _mm_setcsr(value); }
#endif

  static inline thread_local FlushSubnormals* innermost_ = nullptr;
  const Mode before_;
  FlushSubnormals* const outer_;
};

// The mode that the calling thread had before, for code that is not ours: Python's.
class KeepSubnormals {
 public:
  KeepSubnormals() : flushed_(FlushSubnormals::mode()) {
    if (FlushSubnormals::innermost_ != nullptr) FlushSubnormals::set_mode(FlushSubnormals::innermost_->before_);
  }
  ~KeepSubnormals() { FlushSubnormals::set_mode(flushed_); }
  KeepSubnormals(const KeepSubnormals&) = delete;
  KeepSubnormals& operator=(const KeepSubnormals&) = delete;

 private:
  const FlushSubnormals::Mode flushed_;
};

// run_team() with scratch, and with subnormals flushed in every thread.
template <class Function>
void run_flushed_team(int threads, const TeamScratch& scratch, Function&& function) {
  run_team(threads, &scratch, [&](Team& team) {
    const FlushSubnormals flush;
    function(team);
  });
}
template <class Function>
void run_flushed_team(int threads, Function&& function) {
  run_flushed_team(threads, TeamScratch(threads), std::forward<Function>(function));
}

}  // namespace prelunet
