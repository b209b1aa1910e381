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
// From this size on, rounding up to whole pages at most doubles the memory of a piece.
constexpr std::size_t kLarge = std::size_t{1} << 20;

std::size_t alignment_for(std::size_t bytes) { return bytes >= kLarge ? kHugePage : kAlignment; }
// madvise() acts on whole pages, which the piece must not share with its neighbors.
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
  if (bytes >= kLarge) madvise(data, size, MADV_HUGEPAGE);  // advice only: a refusal changes nothing
#endif
  return data;
}

void release(void* data, std::size_t bytes) noexcept {
  ::operator delete(data, std::align_val_t{alignment_for(bytes)});
}

}  // namespace prelunet
