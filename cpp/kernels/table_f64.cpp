// The double kernels of one ISA, compiled once for each ISA: see cpp/CMakeLists.txt.
#include "kernels/table_of.h"

namespace prelunet::PRELUNET_ISA {

extern const KernelTable<double> kTableF64;
constexpr KernelTable<double> kTableF64 = make_table<double>();

}  // namespace prelunet::PRELUNET_ISA
