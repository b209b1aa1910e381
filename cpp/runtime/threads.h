// How many threads a team gets.
#pragma once

namespace prelunet {

// The number a user chose with set_num_threads(), else the lesser of the affinity mask, the cgroup's CPU quota and
// OMP_NUM_THREADS; in either case no more than a limit that threadpoolctl (omp_set_num_threads) set later, and 1 in
// the child of a fork, where OpenMP's pool does not exist.
int num_threads();

// `threads` must be at least 1; 0 takes the default again.
void set_num_threads(int threads);

// CPUs this process may use: the affinity mask and the cgroup quota (rounded down, at least 1), whichever is less.
int available_cpus();

// To be called once, when the module is loaded.
void watch_forks();

}  // namespace prelunet
