// A fixed block of zeroed memory on a cache line: parameters, gradients, optimizer state, packed panels.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>

#include "runtime/scratch.h"

namespace prelunet {

template <class T>
class Arena {
 public:
  Arena() = default;
  explicit Arena(std::size_t size) : size_(size), data_(allocate(size)) { clear(); }

  T* data() const { return data_.get(); }
  std::size_t size() const { return size_; }
  void clear() { std::fill_n(data_.get(), size_, T(0)); }

 private:
  struct Deleter {
    void operator()(T* p) const { ::operator delete(p, std::align_val_t{kAlignment}); }
  };
  static T* allocate(std::size_t size) {
    const std::size_t bytes = std::max(checked_multiply(size, sizeof(T)), kAlignment);
    return static_cast<T*>(::operator new(bytes, std::align_val_t{kAlignment}));
  }

  std::size_t size_ = 0;
  std::unique_ptr<T[], Deleter> data_;
};

}  // namespace prelunet
