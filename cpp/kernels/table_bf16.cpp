// The bfloat16 kernels of one ISA. Compiled once for each, and for AVX-512 with AVX512_BF16: see cpp/CMakeLists.txt.
#if defined(__AVX512BF16__)
#include "kernels/bfloat16_amx.h"
#endif
#include "kernels/bfloat16_lanes.h"
#include "kernels/bfloat16_pack.h"

namespace prelunet::PRELUNET_ISA {

extern const Bfloat16Table kTableBf16;
constexpr Bfloat16Table kTableBf16 = {
#if defined(__AVX512BF16__)
    .gemm = {gemm_amx, gemm_by_lanes<OneChain<Vdpbf16ps>>},
    .ceiling = {{kAmxCeilingFlops, amx_ceiling}, {kVdpbf16psCeilingFlops, vdpbf16ps_ceiling}},
#else
    .gemm = {gemm_by_lanes<TwoChains>, gemm_by_lanes<OneChain<EmulatedPair>>},
    .ceiling = {},
#endif
    .convert = convert_to_bfloat16,
    .float_rows = kBfloat16Packing<Bfloat16Rows<float>>,
    .rows = kBfloat16Packing<Bfloat16Rows<std::uint16_t>>,
    .panels = kBfloat16Packing<Bfloat16Panels>,
};

}  // namespace prelunet::PRELUNET_ISA
