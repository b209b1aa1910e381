// A team of threads, and the only place that starts one.
//
// An op is a function that every thread of a team calls; each thread does its own share, chosen by rank. run_team()
// calls a function on `threads` threads, the calling thread as rank 0, and returns when all have returned. The function
// must not throw: an exception cannot leave a parallel region.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

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

// A barrier that spins for a bounded time and then sleeps: on a core shared with other threads, a spinning thread keeps
// the thread it waits for from running.
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
  Team(int rank, int size, Barrier& barrier) : rank_(rank), size_(size), barrier_(barrier) {}

  int rank() const { return rank_; }
  int size() const { return size_; }
  void barrier() { barrier_.wait(size_); }

  // This thread's share of `total` items, in whole units of `unit` (the last unit may be short). The rule is fixed, so
  // that successive ops that share the same rows need no barrier between them.
  Range share(std::size_t total, std::size_t unit) const { return share_of(rank_, total, unit); }
  Range share_of(int rank, std::size_t total, std::size_t unit) const {
    const std::size_t units = (total + unit - 1) / unit;
    const std::size_t begin = units * rank / size_ * unit;
    const std::size_t end = units * (rank + 1) / size_ * unit;
    return {begin < total ? begin : total, end < total ? end : total};
  }

 private:
  const int rank_;
  const int size_;
  Barrier& barrier_;
};

#ifdef PRELUNET_TEAM_STD

template <class Function>
void run_team(int threads, Function&& function) {
  Barrier barrier;
  std::vector<std::thread> others;
  for (int rank = 1; rank < threads; ++rank) {
    others.emplace_back([&, rank] {
      Team team(rank, threads, barrier);
      function(team);
    });
  }
  Team team(0, threads, barrier);
  function(team);
  for (std::thread& other : others) other.join();
}

#else

template <class Function>
void run_team(int threads, Function&& function) {
  Barrier barrier;
  if (threads == 1) {  // small work and forked children do not use OpenMP
    Team team(0, 1, barrier);
    function(team);
    return;
  }
#pragma omp parallel num_threads(threads)
  {
    Team team(omp_get_thread_num(), omp_get_num_threads(), barrier);  // OpenMP may grant fewer threads
    function(team);
  }
}

#endif

}  // namespace prelunet
