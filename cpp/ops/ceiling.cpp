#include "ops/ceiling.h"

#include <chrono>
#include <cstring>

namespace prelunet {
namespace {

constexpr std::size_t kPage = 4096;  // a thread copies whole pages

template <class F>
void timed(Team& team, double* seconds, F&& work) {
  using Clock = std::chrono::steady_clock;
  team.barrier();
  const Clock::time_point begin = Clock::now();
  work();
  team.barrier();
  if (team.rank() == 0) *seconds = std::chrono::duration<double>(Clock::now() - begin).count();
}

}  // namespace

template <class T>
void fma_ceiling(Team& team, std::size_t iterations, double* seconds) {
  timed(team, seconds, [&] {
    const volatile T result = kernel_table<T>().fma_ceiling(iterations);
    static_cast<void>(result);
  });
}

void bfloat16_ceiling(Team& team, std::size_t iterations, double* seconds) {
  timed(team, seconds, [&] {
    const volatile float result = bfloat16_kernels().ceiling.run(iterations);
    static_cast<void>(result);
  });
}

void copy_bandwidth(Team& team, std::size_t bytes, std::size_t repeats, const unsigned char* from, unsigned char* to,
                    double* seconds) {
  const Range share = team.share(bytes, kPage);
  timed(team, seconds, [&] {
    for (std::size_t i = 0; i < repeats; ++i) std::memcpy(to + share.begin, from + share.begin, share.size());
  });
}

void barriers(Team& team, std::size_t count, double* seconds) {
  timed(team, seconds, [&] {
    for (std::size_t i = 0; i < count; ++i) team.barrier();
  });
}

template void fma_ceiling<float>(Team&, std::size_t, double*);
template void fma_ceiling<double>(Team&, std::size_t, double*);

}  // namespace prelunet
