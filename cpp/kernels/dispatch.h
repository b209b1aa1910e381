// The kernels of this process: chosen once, the widest ISA that the CPU has, or the one that $PRELUNET_ISA names.
#pragma once

#include <string>
#include <vector>

#include "kernels/table.h"

namespace prelunet {

// Chooses by the value of $PRELUNET_ISA (null where unset). Throws std::invalid_argument where it names an ISA that is
// unknown, or that this machine does not have.
void choose_kernels(const char* wanted);

const Kernels& kernels();

template <class T>
const KernelTable<T>& kernel_table() {
  return kernels().table<T>();
}

// The ISAs compiled in that this CPU can run, best first.
std::vector<std::string> available_isas();

}  // namespace prelunet
