// The kernels of this process, chosen once: of the widest ISA that the CPU has, or of $PRELUNET_ISA.
#pragma once

#include <string>
#include <vector>

#include "kernels/table.h"

namespace prelunet {

// `wanted`: the value of $PRELUNET_ISA, null if unset. Throws std::invalid_argument if that ISA is unknown or not
// supported by this machine.
void choose_kernels(const char* wanted);

const Kernels& kernels();

template <class T>
const KernelTable<T>& kernel_table() {
  return kernels().table<T>();
}

// The compiled ISAs that this CPU can run, best first.
std::vector<std::string> available_isas();

}  // namespace prelunet
