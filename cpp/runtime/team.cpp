#include "runtime/team.h"

#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string_view>

#if !defined(PRELUNET_TEAM_STD) && !defined(_WIN32)
#define PRELUNET_TRIES_THREADS 1
#include <pthread.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace prelunet {

void Barrier::relax() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

#ifdef PRELUNET_TRIES_THREADS

namespace {

// Bytes of the stack of OpenMP's threads; 0: the system's default.
#ifdef KMP_VERSION_MAJOR
std::size_t openmp_stack() { return kmp_get_stacksize_s(); }
#else
// OMP_STACKSIZE as libgomp reads it: a number of KiB, or of the unit that follows.
std::size_t openmp_stack() {
  const char* text = std::getenv("OMP_STACKSIZE");
  if (text == nullptr) text = std::getenv("GOMP_STACKSIZE");
  if (text == nullptr) return 0;
  char* end = nullptr;
  errno = 0;
  const unsigned long long number = std::strtoull(text, &end, 10);
  if (end == text || errno != 0) return 0;
  const auto skip_spaces = [&] {
    while (std::isspace(static_cast<unsigned char>(*end)) != 0) ++end;
  };
  skip_spaces();
  int shift = 10;
  if (*end != '\0') {
    constexpr std::string_view kUnits = "bkmg";
    const std::size_t unit = kUnits.find(static_cast<char>(std::tolower(static_cast<unsigned char>(*end++))));
    if (unit == kUnits.npos) return 0;
    shift = 10 * static_cast<int>(unit);
    skip_spaces();
  }
  const bool fits = number <= (~0ULL >> shift);
  return *end == '\0' && fits ? static_cast<std::size_t>(number << shift) : 0;
}
#endif

// The attributes of OpenMP's threads. The runtimes read the environment once, when they are loaded.
class ThreadAttributes {
 public:
  ThreadAttributes() {
    pthread_attr_init(&attributes_);
    const std::size_t stack = openmp_stack();
    if (stack > 0) pthread_attr_setstacksize(&attributes_, stack);  // too few bytes: the default stays, as in libgomp
  }
  const pthread_attr_t* get() const { return &attributes_; }
  std::size_t stack() const {
    std::size_t bytes = 0;
    pthread_attr_getstacksize(&attributes_, &bytes);
    return bytes;
  }

 private:
  pthread_attr_t attributes_;
};

const ThreadAttributes& thread_attributes() {
  static const ThreadAttributes attributes;
  return attributes;
}

// What the runtime allocates for a team beside the stacks.
constexpr std::size_t kRuntimeMemory = std::size_t{1} << 20;

// Starts up to `count` threads at once, joins them, and returns their number.
int try_threads(int count) {
  const std::unique_ptr<char[]> memory(new (std::nothrow) char[kRuntimeMemory]);
  const std::unique_ptr<pthread_t[]> threads(new (std::nothrow) pthread_t[static_cast<std::size_t>(count)]);
  if (memory == nullptr || threads == nullptr) return 0;
  std::atomic<bool> open{false};
  const auto wait = [](void* gate) -> void* {
    static_cast<std::atomic<bool>*>(gate)->wait(false);
    return nullptr;
  };
  int started = 0;
  while (started < count && pthread_create(&threads[started], thread_attributes().get(), wait, &open) == 0) ++started;
  open.store(true);
  open.notify_all();
  for (int i = 0; i < started; ++i) pthread_join(threads[i], nullptr);
  return started;
}

}  // namespace

std::size_t thread_stack() { return thread_attributes().stack(); }

int startable_threads(int threads) {
  using Clock = std::chrono::steady_clock;
  constexpr auto kPause = std::chrono::seconds(1);  // after a failure
  // The runtime keeps the threads of the calling thread's last team, and ends those that a smaller team does not need.
  thread_local int kept = 1;
  thread_local Clock::time_point next_try{};
  if (threads > kept) {
    const Clock::time_point now = Clock::now();
    if (now < next_try) return kept;
    const int wanted = threads - kept, started = try_threads(wanted);
    if (started < wanted) next_try = now + kPause;
    threads = kept + started;
  }
  kept = threads;
  return threads;
}

#else

std::size_t thread_stack() { return kThreadStack; }
int startable_threads(int threads) { return threads; }

#endif

}  // namespace prelunet
