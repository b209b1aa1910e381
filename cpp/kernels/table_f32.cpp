// The float kernels of one ISA, compiled once for each ISA: see cpp/CMakeLists.txt.
#include "kernels/table_of.h"

namespace prelunet::PRELUNET_ISA {

extern const KernelTable<float> kTableF32;
constexpr KernelTable<float> kTableF32 = make_table<float>();

}  // namespace prelunet::PRELUNET_ISA
