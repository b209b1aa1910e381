// The number of threads of a team.
#pragma once

#include <thread>

namespace prelunet {

// The number that set_num_threads() set, else the minimum of the affinity mask, the cgroup's CPU quota and
// OMP_NUM_THREADS. Limited by a later omp_set_num_threads (threadpoolctl). 1 in a forked child, where OpenMP's pool
// does not exist, and if OpenMP's threads have less stack than a team needs.
int num_threads();

// `threads` must be at least 1; 0 restores the default.
void set_num_threads(int threads);

// Counts a call among those at work in its scope, so that concurrent calls share the threads. A call that takes
// microseconds need not count.
class CallAtWork {
 public:
  explicit CallAtWork(bool counts = true);
  ~CallAtWork();
  CallAtWork(const CallAtWork&) = delete;
  CallAtWork& operator=(const CallAtWork&) = delete;

 private:
  const bool counts_;
};

int calls_at_work();

// The part of `threads` that one of the calls at work may use, at least 1. A call that ended less than 30 milliseconds
// ago still counts, because its thread probably makes the next one.
int thread_share(int threads);

// CPUs this process may use: the minimum of the affinity mask and the cgroup's quota (rounded down, at least 1).
int available_cpus();

// The forks from the process that loaded the module to this one, and the only thread that the last of them left.
int forks();
std::thread::id forking_thread();

// Called once, when the module is loaded.
void watch_forks();

}  // namespace prelunet
