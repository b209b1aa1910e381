#include "runtime/scratch.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <utility>

namespace prelunet {
namespace {

struct Piece {
  unsigned char* data = nullptr;
  std::size_t capacity = 0;
};

void free_piece(const Piece& piece) { release(piece.data, piece.capacity); }

// A few idle pieces; if there are more, the smallest is freed. No thread waits for the lock: if it is taken, the thread
// allocates from the system. A forked child therefore cannot hang on a lock whose holder does not exist in it.
class Pool {
 public:
  // The smallest idle piece that is large enough and not much too large, or a new one.
  Piece take(std::size_t bytes) {
    {
      const std::unique_lock lock(mutex_, std::try_to_lock);
      Piece* const best = lock.owns_lock() ? best_fit(bytes) : nullptr;
      if (best != nullptr) return std::exchange(*best, Piece{});
    }
    return {static_cast<unsigned char*>(allocate(bytes)), bytes};
  }

  void give_back(Piece piece) {
    {
      const std::unique_lock lock(mutex_, std::try_to_lock);
      if (lock.owns_lock()) {
        Piece& smallest = *std::min_element(idle_.begin(), idle_.end(),
                                            [](const Piece& a, const Piece& b) { return a.capacity < b.capacity; });
        if (smallest.capacity <= piece.capacity) std::swap(smallest, piece);
      }
    }
    free_piece(piece);
  }

 private:
  static constexpr std::size_t kSmall = 1 << 16;

  Piece* best_fit(std::size_t bytes) {
    Piece* best = nullptr;
    for (Piece& piece : idle_) {
      const bool fits = piece.data != nullptr && piece.capacity >= bytes && piece.capacity / 4 <= bytes + kSmall;
      if (fits && (best == nullptr || piece.capacity < best->capacity)) best = &piece;
    }
    return best;
  }

  std::mutex mutex_;
  std::array<Piece, 8> idle_{};
};

Pool& pool() {
  static Pool* const instance = new Pool;  // never destroyed: a thread may hold a piece when the process ends
  return *instance;
}

}  // namespace

Scratch::Scratch(std::size_t bytes) {
  const Piece piece = pool().take(bytes);
  data_ = piece.data;
  capacity_ = piece.capacity;
}

Scratch::~Scratch() { pool().give_back({data_, capacity_}); }

}  // namespace prelunet
