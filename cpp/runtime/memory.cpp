#include "runtime/memory.h"

#include <algorithm>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace prelunet {
namespace {

#if defined(__linux__)
constexpr std::size_t kHugePage = std::size_t{1} << 21;
// From here on the rounding up to whole pages at most doubles what a piece takes.
constexpr std::size_t kLarge = std::size_t{1} << 20;

std::size_t alignment_for(std::size_t bytes) { return bytes >= kLarge ? kHugePage : kAlignment; }
// What is advised must be whole pages, or the neighbours of the piece would be drawn in.
std::size_t size_for(std::size_t bytes) {
  if (bytes < kLarge) return std::max(bytes, kAlignment);
  if (bytes > ~std::size_t{0} - kHugePage) throw std::bad_alloc();
  return (bytes + kHugePage - 1) / kHugePage * kHugePage;
}
#else
std::size_t alignment_for(std::size_t) { return kAlignment; }
std::size_t size_for(std::size_t bytes) { return std::max(bytes, kAlignment); }
#endif

}  // namespace

void* allocate(std::size_t bytes) {
  const std::size_t size = size_for(bytes);
  void* const data = ::operator new(size, std::align_val_t{alignment_for(bytes)});
#if defined(__linux__)
  if (bytes >= kLarge) madvise(data, size, MADV_HUGEPAGE);  // an advice: where it is refused, all goes on as before
#endif
  return data;
}

void release(void* data, std::size_t bytes) noexcept {
  ::operator delete(data, std::align_val_t{alignment_for(bytes)});
}

}  // namespace prelunet
