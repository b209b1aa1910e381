#include "runtime/threads.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <string>
#include <thread>

#include "runtime/team.h"

#ifdef __linux__
#include <sched.h>
#endif
#ifndef _WIN32
#include <pthread.h>
#endif

namespace prelunet {
namespace {

std::atomic<int> chosen_threads{0};
std::atomic<int> fork_count{0};
std::thread::id last_forking_thread;

std::atomic<int> current_calls{0};
// The calls that were at work when one of them last ended, and the time.
std::atomic<int> recent_calls{0};
std::atomic<std::int64_t> recent_time{0};

bool is_recent(std::int64_t now) {
  constexpr std::int64_t kRecent = 30'000'000;
  return now - recent_time.load(std::memory_order_relaxed) < kRecent;
}

std::int64_t nanoseconds() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int affinity_cpus() {
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

// CPUs of a quota of `quota` microseconds in each `period`. A quota <= 0 is no quota.
int quota_cpus(double quota, double period, int otherwise) {
  if (!(quota > 0) || !(period > 0)) return otherwise;
  return std::max(1, static_cast<int>(std::floor(quota / period)));
}

// The folder below /sys/fs/cgroup that holds this process's limits: line "0::/path" (v2) or "N:cpu,cpuacct:/path" (v1).
std::string cgroup_path(bool version_2) {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const bool wanted = version_2 ? controllers == ",," : controllers.find(",cpu,") != std::string::npos;
    if (wanted) return line.substr(second + 1);
  }
  return "/";
}

// The minimum quota from the process's own cgroup up to the root, in versions 1 and 2 of the interface.
int cgroup_cpus(int otherwise) {
  int cpus = otherwise;
  const auto tighten = [&](double quota, double period) { cpus = std::min(cpus, quota_cpus(quota, period, cpus)); };
  const auto visit_upwards = [](std::string path, auto&& visit) {
    while (true) {
      visit(path == "/" ? std::string() : path);
      const auto slash = path.rfind('/');
      if (path.empty() || path == "/" || slash == std::string::npos) return;
      path.resize(slash == 0 ? 1 : slash);
    }
  };
  visit_upwards(cgroup_path(true), [&](const std::string& path) {
    std::ifstream file("/sys/fs/cgroup" + path + "/cpu.max");
    std::string quota;
    double period = 0;
    if (file >> quota >> period && quota != "max") tighten(std::strtod(quota.c_str(), nullptr), period);
  });
  visit_upwards(cgroup_path(false), [&](const std::string& path) {
    std::ifstream quota_file("/sys/fs/cgroup/cpu" + path + "/cpu.cfs_quota_us");
    std::ifstream period_file("/sys/fs/cgroup/cpu" + path + "/cpu.cfs_period_us");
    double quota = 0;
    double period = 0;
    if (quota_file >> quota && period_file >> period) tighten(quota, period);
  });
  return cpus;
}

#ifdef PRELUNET_TEAM_STD
int openmp_threads() { return available_cpus(); }
#else
int openmp_threads() { return omp_get_max_threads(); }
#endif

}  // namespace

CallAtWork::CallAtWork(bool counts) : counts_(counts) {
  if (counts_) current_calls.fetch_add(1, std::memory_order_relaxed);
}

CallAtWork::~CallAtWork() {
  if (!counts_) return;
  const int calls = current_calls.fetch_sub(1, std::memory_order_relaxed);
  if (calls == 1) return;
  const std::int64_t now = nanoseconds();
  if (calls < recent_calls.load(std::memory_order_relaxed) && is_recent(now)) return;
  recent_calls.store(calls, std::memory_order_relaxed);
  recent_time.store(now, std::memory_order_relaxed);
}

int calls_at_work() { return current_calls.load(std::memory_order_relaxed); }

int thread_share(int threads) {
  int calls = std::max(1, calls_at_work());
  const int recent = recent_calls.load(std::memory_order_relaxed);
  if (recent > calls && is_recent(nanoseconds())) calls = recent;
  return std::max(1, threads / calls);
}

int available_cpus() {
  static const int cpus = std::min(affinity_cpus(), cgroup_cpus(1 << 20));
  return cpus;
}

int num_threads() {
  static const bool small_stack = thread_stack() < kThreadStack;
  if (small_stack || forks() > 0) return 1;
  // OpenMP's number before any limit. If the current number differs, a limit was set later.
  static const int initial_openmp = openmp_threads();
  const int openmp = openmp_threads();
  const int chosen = chosen_threads.load(std::memory_order_relaxed);
  const int wanted = chosen > 0 ? chosen : std::min(available_cpus(), initial_openmp);
  return std::max(1, openmp != initial_openmp ? std::min(wanted, openmp) : wanted);
}

int forks() { return fork_count.load(std::memory_order_relaxed); }
std::thread::id forking_thread() { return last_forking_thread; }

void set_num_threads(int threads) { chosen_threads.store(threads, std::memory_order_relaxed); }

void watch_forks() {
  num_threads();  // initializes initial_openmp before a limit is set
#ifndef _WIN32
  pthread_atfork(nullptr, nullptr, [] {
    last_forking_thread = std::this_thread::get_id();
    fork_count.fetch_add(1, std::memory_order_relaxed);
  });
#endif
}

}  // namespace prelunet
