// Working memory that belongs to a call: taken from a pool at its start, given back at its end.
//
// The pool keeps what is given back, so that a loop of calls of one size allocates only in its first round; two calls
// at once get two pieces and never meet.
#pragma once

#include <cstddef>
#include <limits>
#include <new>
#include <type_traits>

#include "runtime/memory.h"

namespace prelunet {

// a * b and a + b, or std::bad_alloc where that passes what a size can hold.
inline std::size_t checked_multiply(std::size_t a, std::size_t b) {
  if (b != 0 && a > std::numeric_limits<std::size_t>::max() / b) throw std::bad_alloc();
  return a * b;
}
inline std::size_t checked_add(std::size_t a, std::size_t b) {
  if (a > std::numeric_limits<std::size_t>::max() - b) throw std::bad_alloc();
  return a + b;
}

// Adds up the arrays of a layout: `offset` of each is where it will stand in one piece of memory.
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

// A piece of the pool. Its contents are whatever the last user left.
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
