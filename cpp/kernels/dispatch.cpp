#include "kernels/dispatch.h"

#include <stdexcept>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace prelunet {

#define PRELUNET_DECLARE_TABLES(isa)          \
  namespace isa {                             \
  extern const KernelTable<float> kTableF32;  \
  extern const KernelTable<double> kTableF64; \
  }
#ifdef PRELUNET_HAVE_BASELINE
PRELUNET_DECLARE_TABLES(baseline)
#endif
#ifdef PRELUNET_HAVE_AVX2
PRELUNET_DECLARE_TABLES(avx2)
#endif
#ifdef PRELUNET_HAVE_AVX512
PRELUNET_DECLARE_TABLES(avx512)
#endif
#ifdef PRELUNET_HAVE_NEON
PRELUNET_DECLARE_TABLES(neon)
#endif

namespace {

[[maybe_unused]] bool always() { return true; }

#if defined(__x86_64__)
// x86-64-v3 and v4 as in the psABI; __builtin_cpu_supports also checks that the OS saves the registers.
[[maybe_unused]] bool has_v3() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return false;
  const bool movbe = c & bit_MOVBE;
  const bool f16c = c & bit_F16C;
  if (!__get_cpuid(0x80000001, &a, &b, &c, &d)) return false;
  const bool lzcnt = c & bit_LZCNT;
  return movbe && f16c && lzcnt && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}
[[maybe_unused]] bool has_v4() {
  return has_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif

struct Candidate {
  Kernels kernels;
  bool (*runs_here)();
};

// Best first.
constexpr Candidate kCandidates[] = {
#ifdef PRELUNET_HAVE_AVX512
    {{"avx512", &avx512::kTableF32, &avx512::kTableF64}, has_v4},
#endif
#ifdef PRELUNET_HAVE_AVX2
    {{"avx2", &avx2::kTableF32, &avx2::kTableF64}, has_v3},
#endif
#ifdef PRELUNET_HAVE_BASELINE
    {{"baseline", &baseline::kTableF32, &baseline::kTableF64}, always},
#endif
#ifdef PRELUNET_HAVE_NEON
    {{"neon", &neon::kTableF32, &neon::kTableF64}, always},
#endif
};

constexpr const char* kKnownIsas = "avx512, avx2, baseline, neon";

const Kernels* chosen = nullptr;

std::string join(const std::vector<std::string>& names) {
  std::string joined;
  for (const std::string& name : names) joined += (joined.empty() ? "" : ", ") + name;
  return joined;
}

}  // namespace

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const Candidate& candidate : kCandidates) {
    if (candidate.runs_here()) names.emplace_back(candidate.kernels.isa);
  }
  return names;
}

void choose_kernels(const char* wanted) {
  for (const Candidate& candidate : kCandidates) {
    const bool named = wanted == nullptr || *wanted == '\0' || std::string(wanted) == candidate.kernels.isa;
    if (named && candidate.runs_here()) {
      chosen = &candidate.kernels;
      return;
    }
  }
  const std::string name = wanted == nullptr ? "" : wanted;
  const bool known = std::string(", ").append(kKnownIsas).append(",").find(", " + name + ",") != std::string::npos;
  throw std::invalid_argument("PRELUNET_ISA=" + name + (known ? " is not supported by this machine" : " is unknown") +
                              ": this machine has " + join(available_isas()));
}

const Kernels& kernels() { return *chosen; }

}  // namespace prelunet
