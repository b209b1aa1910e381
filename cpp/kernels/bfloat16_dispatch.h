// The bfloat16 kernels of this process: an order, and what runs it.
//
// The order is the machine's: `amx` where AMX can be used, else `vdpbf16`; or the one that $PRELUNET_BF16 names. It
// decides the bits. What runs it does not: the instruction where there is one that is faster, else the kernels of the
// chosen ISA, which emulate it. Instructions are used with the ISA avx512 only, so that $PRELUNET_ISA can test a lesser
// machine.
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

// Takes the value of $PRELUNET_BF16 (null where unset), after choose_kernels(). Throws std::invalid_argument where no
// order has that name.
void choose_bfloat16_order(const char* wanted);

// The kernels of this process. The first call asks Linux for permission to use AMX, once for the process: it enlarges
// the signal frames of all threads, so nobody who does not use bfloat16 pays for it. Where it is refused, the machine
// counts as one without AMX.
const Bfloat16Kernels& bfloat16_kernels();

// The kernels of one order on whatever is faster.
Bfloat16Kernels fastest_bfloat16_kernels(Bfloat16Order order);

// The kernels of one order: on the instruction, or emulated. None where the machine lacks the instruction.
std::optional<Bfloat16Kernels> bfloat16_kernels_of(Bfloat16Order order, bool emulated);

// The order of that name, or none.
std::optional<Bfloat16Order> bfloat16_order_of(const std::string& name);

}  // namespace prelunet
