#include "ops/optimizer.h"

namespace prelunet {
namespace {

constexpr std::size_t kSquarePiece = 8192;  // elements summed as one chain of virtual lanes

}  // namespace

template <class T>
void update(Team& team, UpdateId id, const Update<T>& g, std::size_t count) {
  const Range share = team.share(count, kElementUnit);
  kernel_table<T>().update[static_cast<int>(id)](g.at({0, share.begin, 1, share.size()}));
}

template <class T>
void clip_by_value(Team& team, std::size_t count, T* x, double limit) {
  const Range share = team.share(count, kElementUnit);
  kernel_table<T>().clip_by_value(share.size(), x + share.begin, limit);
}

template <class T>
void scale(Team& team, std::size_t count, T* x, double factor) {
  const Range share = team.share(count, kElementUnit);
  kernel_table<T>().scale(share.size(), x + share.begin, factor);
}

template <class T>
void add_scaled(Team& team, std::size_t count, double factor, const T* x, T* y) {
  const Range share = team.share(count, kElementUnit);
  kernel_table<T>().scaled_sum(share.size(), factor, x + share.begin, y + share.begin, y + share.begin);
}

std::size_t square_pieces(std::size_t count) { return (count + kSquarePiece - 1) / kSquarePiece; }

template <class T>
void sum_of_squares(Team& team, std::size_t count, const T* x, double* partial) {
  const Range share = team.share(square_pieces(count), 1);
  for (std::size_t piece = share.begin; piece < share.end; ++piece) {
    const std::size_t begin = piece * kSquarePiece;
    const std::size_t end = count - begin < kSquarePiece ? count : begin + kSquarePiece;
    partial[piece] = kernel_table<T>().sum_of_squares(end - begin, x + begin);
  }
}

double sum_pieces(std::size_t pieces, const double* partial) {
  double sum = 0.0;
  for (std::size_t piece = 0; piece < pieces; ++piece) sum += partial[piece];
  return sum;
}

double power(double b, std::int64_t n) {
  double result = 1.0;
  for (; n > 0; n /= 2, b *= b) {
    if (n % 2 == 1) result *= b;
  }
  return result;
}

#define PRELUNET_INSTANTIATE(T)                                         \
  template void update(Team&, UpdateId, const Update<T>&, std::size_t); \
  template void clip_by_value(Team&, std::size_t, T*, double);          \
  template void scale(Team&, std::size_t, T*, double);                  \
  template void add_scaled(Team&, std::size_t, double, const T*, T*);   \
  template void sum_of_squares(Team&, std::size_t, const T*, double*);
PRELUNET_INSTANTIATE(float)
PRELUNET_INSTANTIATE(double)
#undef PRELUNET_INSTANTIATE

}  // namespace prelunet
