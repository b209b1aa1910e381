// Memory from the system, on a cache line; large pieces in pages of 2 MiB where the system has such.
//
// A matrix product walks down columns of matrices whose rows lie on different pages: with pages of 4 KiB it misses the
// translation cache at every other step, and a virtual machine walks two page tables for each miss.
#pragma once

#include <cstddef>

namespace prelunet {

// Every piece and every array cut from it starts on a cache line.
inline constexpr std::size_t kAlignment = 64;

// At least `bytes` bytes, whatever they hold. Throws std::bad_alloc.
void* allocate(std::size_t bytes);
// `bytes` as given to allocate().
void release(void* data, std::size_t bytes) noexcept;

}  // namespace prelunet
