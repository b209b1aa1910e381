// Constants of the team functions that measurements chose; those of one ISA are in kernels/tuning.h.
#pragma once

#include <cstddef>

namespace prelunet {

// gemm.cpp: minimum elements of C in a line of cells that is divided, so that threads get equal work.
inline constexpr std::size_t kMinCutElements = 512;

// conv2d.cpp: rows of a product that keep its tiles and its panels of B busy. Images with fewer places are grouped.
inline constexpr std::size_t kMinProductRows = 256;

}  // namespace prelunet
