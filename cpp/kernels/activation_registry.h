// The list of activations. "How to add" in cpp/README.md lists what a new activation needs.
#pragma once

namespace prelunet {

// X(name, Class, parameter, default, equation): `name` in pn.ops and in strings; `Class`, the functor in C++ and the
// layer in Python; `parameter`, the name of its constant ("" if it has none), and its default; `equation` for the docs.
#define PRELUNET_ACTIVATIONS(X)                                                                            \
  X(relu, ReLU, "", 0.0, "y = max(x, 0); dy/dx = 0 at 0, and NaN stays NaN")                               \
  X(leaky_relu, LeakyReLU, "slope", 0.01, "y = x where x > 0, else slope * x; dy/dx = slope at 0")         \
  X(elu, ELU, "scale", 1.0, "y = x where x > 0, else scale * (exp(x) - 1) (Clevert et al. 2016)")          \
  X(gelu, GELU, "", 0.0, "y = x * Phi(x), Phi the standard normal distribution (Hendrycks & Gimpel 2016)") \
  X(silu, SiLU, "", 0.0, "y = x * sigmoid(x) (Elfwing et al. 2018)")                                       \
  X(tanh, Tanh, "", 0.0, "y = tanh(x)")                                                                    \
  X(sigmoid, Sigmoid, "", 0.0, "y = 1 / (1 + exp(-x))")                                                    \
  X(selu, SELU, "", 0.0, "y = 1.0507 * x where x > 0, else 1.7581 * (exp(x) - 1) (Klambauer et al. 2017)") \
  X(mish, Mish, "", 0.0, "y = x * tanh(log(1 + exp(x))) (Misra 2020)")                                     \
  X(softsign, Softsign, "", 0.0, "y = x / (1 + abs(x))")

// Indices into the kernel tables. identity is for a layer with a bias only. The parameters of prelu, scale and
// parametric_<name> are learned. prelu has its own ops. parametric_<name> is x + weight (f(x) - x) for a row's f.
enum class ActivationId : int {
  identity,
  prelu,
  scale,
#define PRELUNET_ROW(name, Class, parameter, value, equation) name,
  PRELUNET_ACTIVATIONS(PRELUNET_ROW)
#undef PRELUNET_ROW
#define PRELUNET_ROW(name, Class, parameter, value, equation) parametric_##name,
      PRELUNET_ACTIVATIONS(PRELUNET_ROW)
#undef PRELUNET_ROW
          count,
};

}  // namespace prelunet
