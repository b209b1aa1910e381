// Constants of the team functions, chosen by measurement. Constants that depend on the ISA are in kernels/tuning.h.
#pragma once

#include <cstddef>

namespace prelunet {

// gemm.cpp: minimum elements of C in a line of cells for which the line is divided between threads.
inline constexpr std::size_t kMinCutElements = 512;

// conv2d.cpp: minimum rows of an efficient product. Images with fewer places of the window are processed in groups.
inline constexpr std::size_t kMinProductRows = 256;
// conv2d.cpp: with at most this many channels, and at least this many images in a call, grad_x is computed with images
// as columns of the product. A pixel as a row of 6 channels fills 6 of 16 lanes.
inline constexpr std::size_t kFewChannels = 8;
inline constexpr std::size_t kManyImages = 16;

}  // namespace prelunet
