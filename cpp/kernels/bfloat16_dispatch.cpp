#include "kernels/bfloat16_dispatch.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <stdexcept>

#include "kernels/dispatch.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace prelunet {

#define PRELUNET_DECLARE_TABLE(isa)      \
  namespace isa {                        \
  extern const Bfloat16Table kTableBf16; \
  }
#ifdef PRELUNET_HAVE_BASELINE
PRELUNET_DECLARE_TABLE(baseline)
#endif
#ifdef PRELUNET_HAVE_AVX2
PRELUNET_DECLARE_TABLE(avx2)
#endif
#ifdef PRELUNET_HAVE_AVX512
PRELUNET_DECLARE_TABLE(avx512)
PRELUNET_DECLARE_TABLE(avx512bf16)
#endif
#ifdef PRELUNET_HAVE_NEON
PRELUNET_DECLARE_TABLE(neon)
#endif

namespace {

constexpr const char* kOrderNames[] = {"amx", "vdpbf16"};
constexpr Bfloat16Order kOrders[] = {Bfloat16Order::amx, Bfloat16Order::vdpbf16};

std::optional<Bfloat16Order> forced_order;

struct IsaTable {
  const char* isa;
  const Bfloat16Table* table;
};
constexpr IsaTable kTables[] = {
#ifdef PRELUNET_HAVE_AVX512
    {"avx512", &avx512::kTableBf16},
#endif
#ifdef PRELUNET_HAVE_AVX2
    {"avx2", &avx2::kTableBf16},
#endif
#ifdef PRELUNET_HAVE_BASELINE
    {"baseline", &baseline::kTableBf16},
#endif
#ifdef PRELUNET_HAVE_NEON
    {"neon", &neon::kTableBf16},
#endif
};

const Bfloat16Table* emulation() {
  for (const IsaTable& candidate : kTables) {
    if (std::strcmp(candidate.isa, kernels().isa) == 0) return candidate.table;
  }
  return nullptr;  // every ISA has one
}

// Operations per second: the best of a few short runs.
double rate(const Bfloat16Ceiling& ceiling) {
  using Clock = std::chrono::steady_clock;
  constexpr int kRuns = 5;
  constexpr std::size_t kIterations = 200;
  double best = 0.0;
  for (int i = 0; i < kRuns; ++i) {
    const Clock::time_point begin = Clock::now();
    ceiling.run(kIterations);
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    if (seconds > 0.0) best = std::max(best, static_cast<double>(ceiling.flops * kIterations) / seconds);
  }
  return best;
}

#ifdef PRELUNET_HAVE_AVX512

bool has_avx512_bf16() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return std::strcmp(kernels().isa, "avx512") == 0 && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & bit_AVX512BF16);
}

bool permit_amx() {
#if defined(__linux__)
  constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, since Linux 5.16
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

// Linux also refuses the permission if the processor or the system lacks AMX.
bool has_amx() {
  static const bool permitted = [] {
    constexpr unsigned kTile = 1u << 24, kBf16 = 1u << 22;
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (!has_avx512_bf16() || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
    return (d & kTile) != 0 && (d & kBf16) != 0 && permit_amx();
  }();
  return permitted;
}

bool has_instruction(Bfloat16Order order) { return order == Bfloat16Order::amx ? has_amx() : has_avx512_bf16(); }

// Intel's processors run VDPBF16PS at half the rate of float32 FMAs, AMD's at twice the rate.
bool is_faster_than_emulation(Bfloat16Order order) {
  constexpr double kEmulated = 0.65;  // share of float32's ceiling that emulation reaches, as it must unpack pairs
  if (order == Bfloat16Order::amx) return true;
  static const bool faster = bfloat16_ratio(Bfloat16Order::vdpbf16).value_or(1.0) > kEmulated;
  return faster;
}

#else

constexpr bool has_instruction(Bfloat16Order) { return false; }
constexpr bool is_faster_than_emulation(Bfloat16Order) { return false; }

#endif

}  // namespace

Bfloat16Kernels fastest_bfloat16_kernels(Bfloat16Order order) {
  const bool emulated = !has_instruction(order) || !is_faster_than_emulation(order);
  return *bfloat16_kernels_of(order, emulated);
}

std::optional<double> bfloat16_ratio(Bfloat16Order order) {
  if (!has_instruction(order)) return std::nullopt;
  const double float32 = rate(bfloat16_kernels_of(order, true)->ceiling);
  if (float32 == 0.0) return std::nullopt;
  return rate(bfloat16_kernels_of(order, false)->ceiling) / float32;
}

std::optional<Bfloat16Order> bfloat16_order_of(const std::string& name) {
  for (const Bfloat16Order order : kOrders) {
    if (name == kOrderNames[static_cast<int>(order)]) return order;
  }
  return std::nullopt;
}

void choose_bfloat16_order(const char* wanted) {
  if (wanted == nullptr || *wanted == '\0') return;
  const std::string name = wanted;
  forced_order = bfloat16_order_of(name == "avx512" ? kOrderNames[1] : name);  // by the name of its instruction set
  if (!forced_order) {
    throw std::invalid_argument("PRELUNET_BF16=" + name + " is unknown: it is amx or vdpbf16");
  }
}

std::optional<Bfloat16Kernels> bfloat16_kernels_of(Bfloat16Order order, bool emulated) {
  const Bfloat16Table* table = emulation();
  const char* runs_on = "emulation";
#ifdef PRELUNET_HAVE_AVX512
  if (!emulated) {
    if (!has_instruction(order)) return std::nullopt;
    table = &avx512bf16::kTableBf16;
    runs_on = order == Bfloat16Order::amx ? "AMX" : "AVX512_BF16";
  }
#else
  if (!emulated) return std::nullopt;
#endif
  const int i = static_cast<int>(order);
  const KernelTable<float>& f32 = kernel_table<float>();
  const Bfloat16Ceiling ceiling = emulated ? Bfloat16Ceiling{f32.ceiling_flops, f32.fma_ceiling} : table->ceiling[i];
  return Bfloat16Kernels{order, kOrderNames[i], runs_on, table->gemm[i], table, ceiling};
}

const Bfloat16Kernels& bfloat16_kernels() {
  static const Bfloat16Kernels chosen = fastest_bfloat16_kernels(
      forced_order.value_or(has_instruction(Bfloat16Order::amx) ? Bfloat16Order::amx : Bfloat16Order::vdpbf16));
  return chosen;
}

}  // namespace prelunet
