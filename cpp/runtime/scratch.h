// Working memory of a call, taken from a pool at its start and returned at its end.
//
// The pool keeps returned pieces, so that a loop of calls of one size allocates only in its first iteration. Concurrent
// calls get different pieces.
#pragma once

#include <cstddef>
#include <limits>
#include <new>
#include <type_traits>

#include "runtime/memory.h"

namespace prelunet {

// a * b and a + b; std::bad_alloc on overflow.
inline std::size_t checked_multiply(std::size_t a, std::size_t b) {
  if (b != 0 && a > std::numeric_limits<std::size_t>::max() / b) throw std::bad_alloc();
  return a * b;
}
inline std::size_t checked_add(std::size_t a, std::size_t b) {
  if (a > std::numeric_limits<std::size_t>::max() - b) throw std::bad_alloc();
  return a + b;
}

// Lays out arrays in one piece of memory: add() returns the offset of an array in bytes.
class Layout {
 public:
  template <class T>
  std::size_t add(std::size_t count) {
    const std::size_t offset = bytes_;
    const std::size_t padded =
        checked_add(checked_multiply(count, sizeof(T)), kAlignment - 1) / kAlignment * kAlignment;
    bytes_ = checked_add(bytes_, padded);
    return offset;
  }
  std::size_t bytes() const { return bytes_; }

 private:
  std::size_t bytes_ = 0;
};

// A piece of the pool, uninitialized.
class Scratch {
 public:
  explicit Scratch(std::size_t bytes);
  explicit Scratch(const Layout& layout) : Scratch(layout.bytes()) {}
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  template <class T>
  T* at(std::size_t offset) const {
    static_assert(std::is_trivial_v<T>);
    return reinterpret_cast<T*>(data_ + offset);
  }

 private:
  unsigned char* data_;
  std::size_t capacity_;
};

}  // namespace prelunet
