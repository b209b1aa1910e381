// The bfloat16 kernels of this process: an order of sums, and an instruction or emulation that computes it.
//
// The order determines the bits. It is `amx` if AMX can be used, else `vdpbf16`; $PRELUNET_BF16 overrides it. The
// instruction is used if the machine has it and it is faster than the emulation by the kernels of the chosen ISA. Both
// give the same bits. Instructions are used only with the ISA avx512, so that $PRELUNET_ISA can test the behavior of a
// machine without them.
#pragma once

#include <optional>
#include <string>

#include "kernels/bfloat16_table.h"

namespace prelunet {

struct Bfloat16Kernels {
  Bfloat16Order order;
  const char* order_name;
  const char* runs_on;  // "AMX", "AVX512_BF16" or "emulation"
  void (*gemm)(const Bfloat16Gemm&);
  const Bfloat16Table* table;  // packs and converts
  Bfloat16Ceiling ceiling;     // of the instruction, or of float32
};

// Sets the order to `wanted`, the value of $PRELUNET_BF16, unless it is null or empty. Call it after choose_kernels().
// Throws std::invalid_argument if no order has that name.
void choose_bfloat16_order(const char* wanted);

// The kernels of this process. The first call asks Linux for permission to use AMX. The permission enlarges the signal
// frames of all threads, so it is requested only when bfloat16 is used. If Linux refuses it, AMX is not used.
const Bfloat16Kernels& bfloat16_kernels();

// The faster kernels of one order: by its instruction or by emulation.
Bfloat16Kernels fastest_bfloat16_kernels(Bfloat16Order order);

// The kernels of one order, by its instruction or emulated. None if the machine lacks the instruction.
std::optional<Bfloat16Kernels> bfloat16_kernels_of(Bfloat16Order order, bool emulated);

// The rate of an order's instruction divided by that of float32 FMAs, in loops that use only registers; measured in
// about a millisecond. None if the machine lacks the instruction.
std::optional<double> bfloat16_ratio(Bfloat16Order order);

// The order of that name, or none.
std::optional<Bfloat16Order> bfloat16_order_of(const std::string& name);

}  // namespace prelunet
