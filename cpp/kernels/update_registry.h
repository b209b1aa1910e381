// The list of updates, the rules by which optimizers change parameters. "How to add" in cpp/README.md lists what a new
// update needs.
#pragma once

namespace prelunet {

// X(name, Class, state, options): `name` of pn.ops.<name>_update; `Class` the functor in C++ and the optimizer in
// Python. `state` names the tensors that it keeps for each parameter; one with "if OPTION" is kept if that option is
// not 0. `options` are its own hyperparameters; UpdateRule in table.h has those of every update.
#define PRELUNET_UPDATES(X)                                                                \
  X(sgd, SGD, "velocity if momentum", (momentum, nesterov))                                \
  X(adam, Adam, "first_moment, second_moment", (beta_1, beta_2, epsilon, bias_correction)) \
  X(rmsprop, RMSprop, "mean_square, mean_gradient if centered, velocity if momentum",      \
    (rho, epsilon, momentum, centered))                                                    \
  X(lion, Lion, "mean_gradient", (beta_1, beta_2))

inline constexpr int kMaxSlots = 3;  // tensors of state
inline constexpr int kMaxUpdateOptions = 4;

// Indices into the kernel tables.
enum class UpdateId : int {
#define PRELUNET_ROW(name, Class, state, options) name,
  PRELUNET_UPDATES(PRELUNET_ROW)
#undef PRELUNET_ROW
      count,
};

constexpr int items_in(const char* list) {
  int items = 1;
  for (; *list != '\0'; ++list) items += *list == ',';
  return items;
}

// <Class>Option::<option> is the index of an option in UpdateRule::option.
#define PRELUNET_UNPACK(...) __VA_ARGS__
#define PRELUNET_ROW(name, Class, state, options)                \
  struct Class##Option {                                         \
    enum : int { PRELUNET_UNPACK options, count };               \
    static_assert(static_cast<int>(count) <= kMaxUpdateOptions); \
    static_assert(items_in(state) <= kMaxSlots);                 \
  };
PRELUNET_UPDATES(PRELUNET_ROW)
#undef PRELUNET_ROW
#undef PRELUNET_UNPACK

}  // namespace prelunet
