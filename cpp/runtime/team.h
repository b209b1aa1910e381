// A team of threads, and the only place that starts one.
//
// An op is a function that every thread of a team calls; each thread does its own share, chosen by rank. run_team()
// calls a function on `threads` threads, the calling thread as rank 0, and returns when all have returned. The function
// must not throw: an exception cannot leave a parallel region.
//
// An OpenMP runtime ends the process if it cannot start a thread. run_team() therefore tries first, and takes fewer
// threads where the system allows fewer (team.cpp).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "runtime/scratch.h"

#ifdef PRELUNET_TEAM_STD
#include <thread>
#include <vector>
#else
#include <omp.h>
#endif

namespace prelunet {

// The rows, tiles or elements [begin, end) that a thread owns.
struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t size() const { return end - begin; }
  bool empty() const { return begin == end; }
};

// A barrier that spins for a bounded time and then sleeps. If two threads of the team share a core, one that spins
// prevents the other from running.
class Barrier {
 public:
  // Returns when `threads` threads have called it.
  void wait(int threads) {
    if (threads == 1) return;
    const std::uint32_t phase = phase_.load(std::memory_order_relaxed);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads) {
      arrived_.store(0, std::memory_order_relaxed);
      // notify_all() checks for sleepers before it calls the system. The check must not be reordered before the store
      // of the new phase, or a thread that saw the old one would sleep for ever. Only sequential consistency forbids
      // that.
      phase_.store(phase + 1, std::memory_order_seq_cst);
      phase_.notify_all();  // cheap if no thread sleeps
      return;
    }
    const int spins = phase == 0 ? kFirstSpins : kSpins;
    for (int spin = 0; spin < spins; ++spin) {
      if (phase_.load(std::memory_order_acquire) != phase) return;
      relax();
    }
    phase_.wait(phase, std::memory_order_acquire);
  }

 private:
  static constexpr int kSpins =
      65536;  // under a millisecond; with 4096, threads on free cores fall asleep within a step
  // At the first barrier: the system may have started the other thread on this core, where it cannot run until this one
  // sleeps. (Yielding instead keeps both threads on the core.)
  static constexpr int kFirstSpins = 4096;
  static void relax();

  std::atomic<int> arrived_{0};
  alignas(64) std::atomic<std::uint32_t> phase_{0};  // on a cache line of its own: waiting threads read it
};

// Elements are shared in units of whole cache lines.
inline constexpr std::size_t kElementUnit = 16;

class Team {
 public:
  // `scratch`: kThreadScratch bytes for this thread, or null.
  Team(int rank, int size, Barrier& barrier, void* scratch)
      : rank_(rank), size_(size), barrier_(barrier), scratch_(scratch) {}

  int rank() const { return rank_; }
  int size() const { return size_; }
  void* scratch() const { return scratch_; }
  void barrier() { barrier_.wait(size_); }
  // Makes the units of share() `factor` times as large, for a network with a layer that needs such shares of rows.
  void coarsen(std::size_t factor) { coarse_ = factor; }

  // This thread's share of `total` items, in whole units of `unit` (the last unit may be short). The rule is fixed, so
  // that successive ops that share the same rows need no barrier between them.
  Range share(std::size_t total, std::size_t unit) const { return share_of(rank_, total, unit * coarse_); }
  // The same without coarsen(), to divide what no other op divides.
  Range even_share(std::size_t total, std::size_t unit) const { return share_of(rank_, total, unit); }
  Range share_of(int rank, std::size_t total, std::size_t unit) const {
    const std::size_t units = (total + unit - 1) / unit;
    const std::size_t begin = units * rank / size_ * unit;
    const std::size_t end = units * (rank + 1) / size_ * unit;
    return {begin < total ? begin : total, end < total ? end : total};
  }

 private:
  const int rank_;
  const int size_;
  std::size_t coarse_ = 1;
  Barrier& barrier_;
  void* const scratch_;
};

// Bytes for a thread's arrays that are too large for its stack.
inline constexpr std::size_t kThreadScratch = std::size_t{60} << 10;

// kThreadScratch bytes for each thread of a team. Allocated by the caller of run_team(), before anything changes.
class TeamScratch {
 public:
  explicit TeamScratch(int threads) : scratch_(checked_multiply(static_cast<std::size_t>(threads), kThreadScratch)) {}
  void* of(int rank) const { return scratch_.at<unsigned char>(static_cast<std::size_t>(rank) * kThreadScratch); }

 private:
  Scratch scratch_;
};

// The stack that a thread of a team needs: its frames, the registers that a signal saves, and the libraries'
// thread-local storage.
inline constexpr std::size_t kThreadStack = std::size_t{64} << 10;

// Bytes of the stack of a team's threads: OMP_STACKSIZE, or the system's default.
std::size_t thread_stack();

// The most threads, up to `threads`, that a team of the calling thread can have now. To find out, it starts and joins
// as many threads as the last team lacked, with the same stack size. Another thread or process may still use up the
// limit before the team starts.
int startable_threads(int threads);

#ifdef PRELUNET_TEAM_STD

template <class Function>
void run_team(int threads, const TeamScratch* scratch, Function&& function) {
  Barrier barrier;
  const auto scratch_of = [&](int rank) { return scratch == nullptr ? nullptr : scratch->of(rank); };
  std::vector<std::thread> others;
  for (int rank = 1; rank < threads; ++rank) {
    others.emplace_back([&, rank] {
      Team team(rank, threads, barrier, scratch_of(rank));
      function(team);
    });
  }
  Team team(0, threads, barrier, scratch_of(0));
  function(team);
  for (std::thread& other : others) other.join();
}

#else

template <class Function>
void run_team(int threads, const TeamScratch* scratch, Function&& function) {
  Barrier barrier;
  const auto scratch_of = [&](int rank) { return scratch == nullptr ? nullptr : scratch->of(rank); };
  if (threads > 1) threads = startable_threads(threads);
  if (threads == 1) {  // small work and forked children do not use OpenMP
    Team team(0, 1, barrier, scratch_of(0));
    function(team);
    return;
  }
#pragma omp parallel num_threads(threads)
  {
    const int rank = omp_get_thread_num();
    Team team(rank, omp_get_num_threads(), barrier, scratch_of(rank));  // OpenMP may grant fewer threads
    function(team);
  }
}

#endif

// A team without scratch.
template <class Function>
void run_team(int threads, Function&& function) {
  run_team(threads, nullptr, std::forward<Function>(function));
}

}  // namespace prelunet
