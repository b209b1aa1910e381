// A fixed block of zeroed, cache-aligned memory: parameters, gradients, optimizer state, panels.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>

#include "runtime/scratch.h"

namespace prelunet {

template <class T>
class Arena {
 public:
  Arena() = default;
  explicit Arena(std::size_t size) : size_(size), data_(new_elements(size), Deleter{size * sizeof(T)}) { clear(); }

  T* data() const { return data_.get(); }
  std::size_t size() const { return size_; }
  void clear() { std::fill_n(data_.get(), size_, T(0)); }

 private:
  struct Deleter {
    std::size_t bytes = 0;
    void operator()(T* p) const { release(p, bytes); }
  };
  static T* new_elements(std::size_t size) { return static_cast<T*>(allocate(checked_multiply(size, sizeof(T)))); }

  std::size_t size_ = 0;
  std::unique_ptr<T[], Deleter> data_;
};

}  // namespace prelunet
