// Cache-aligned memory from the system; large pieces use pages of 2 MiB if the system has them.
//
// A matrix product reads columns of matrices whose rows are on different pages. With pages of 4 KiB it misses the TLB
// at every other step, and in a virtual machine each miss walks two page tables.
#pragma once

#include <cstddef>

namespace prelunet {

// Every piece of memory, and every array in it, starts on a cache line.
inline constexpr std::size_t kAlignment = 64;

// At least `bytes` bytes, uninitialized. Throws std::bad_alloc.
void* allocate(std::size_t bytes);
// `bytes`: as passed to allocate().
void release(void* data, std::size_t bytes) noexcept;

}  // namespace prelunet
