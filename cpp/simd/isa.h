// PRELUNET_ISA, set by the build for each copy of kernels/, names the namespace of that copy.
#pragma once

#ifndef PRELUNET_ISA
#error "compile kernels with -DPRELUNET_ISA=<baseline|avx2|avx512|neon>: cpp/CMakeLists.txt does so"
#endif
