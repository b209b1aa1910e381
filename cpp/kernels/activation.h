// Activations: a functor for each. activation_rows.h has the loops that run them over rows.
//
// forward(x, parameter) returns y; backward(grad, x, y, parameter) returns grad * dy/dx. kReadsX and kReadsY: backward
// reads x, y. If it reads only y, training does not store x. kLight: forward and backward have so few instructions that
// the loop processes several vectors of a row at a time, to reduce its overhead. A functor whose parameter is learned
// has add_gradient(sum, grad, x, y), which returns sum + grad * dy/dparameter.
#pragma once

#include "kernels/lanes.h"
#include "kernels/math.h"
#include "kernels/table.h"

namespace prelunet::PRELUNET_ISA {
namespace {

struct Identity {
  static constexpr bool kReadsX = false, kReadsY = false, kLight = true;
  template <class V>
  static PRELUNET_INLINE V forward(V x, V) {
    return x;
  }
  template <class V>
  static PRELUNET_INLINE V backward(V grad, V, V, V) {
    return grad;
  }
};

// y = x * weight.
struct Scale {
  static constexpr bool kReadsX = true, kReadsY = false, kLight = true;
  template <class V>
  static PRELUNET_INLINE V forward(V x, V weight) {
    return x * weight;
  }
  template <class V>
  static PRELUNET_INLINE V backward(V grad, V, V, V weight) {
    return grad * weight;
  }
  template <class V>
  static PRELUNET_INLINE V add_gradient(V sum, V grad, V x, V) {
    return fma(grad, x, sum);
  }
};

// select, not max + slope * min: exact for either sign of the slope, and NaN stays NaN.
struct LeakyReLU {
  static constexpr bool kReadsX = true, kReadsY = false, kLight = true;
  template <class V>
  static PRELUNET_INLINE V forward(V x, V slope) {
    return select(x > V{}, x, slope * x);
  }
  template <class V>
  static PRELUNET_INLINE V backward(V grad, V x, V, V slope) {
    return select(x > V{}, grad, slope * grad);
  }
};

// He et al. 2015. The slope is learned.
struct PReLU : LeakyReLU {
  template <class V>
  static PRELUNET_INLINE V add_gradient(V sum, V grad, V x, V) {
    return select(x > V{}, sum, fma(grad, x, sum));
  }
};

struct ReLU {
  static constexpr bool kReadsX = false, kReadsY = true, kLight = true;
  template <class V>
  static PRELUNET_INLINE V forward(V x, V) {
    return select(x <= V{}, V{}, x);
  }
  template <class V>
  static PRELUNET_INLINE V backward(V grad, V, V y, V) {
    return select(y <= V{}, V{}, grad);  // y <= 0 if x <= 0, and NaN if x is NaN
  }
};

struct ELU {
  static constexpr bool kReadsX = true, kReadsY = true, kLight = false;
  template <class V>
  static PRELUNET_INLINE V forward(V x, V scale) {
    return select(x > V{}, x, scale * expm1(min(V{}, x)));  // min in this order keeps NaN
  }
  template <class V>
  static PRELUNET_INLINE V backward(V grad, V x, V y, V scale) {
    return select(x > V{}, grad, grad * (y + scale));
  }
};

struct GELU {
  static constexpr bool kReadsX = true, kReadsY = false, kLight = false;
  template <class V>
  static PRELUNET_INLINE V forward(V x, V) {
    return x * normal_cdf(x);
  }
  template <class V>
  static PRELUNET_INLINE V backward(V grad, V x, V, V) {
    const V density =
        exp(x * x * constant<V>(-0.5)) * constant<V>(0.398942280401432677939946059934 /* 1 / sqrt(2 pi) */);
    return grad * fma(x, density, normal_cdf(x));
  }
};

struct SiLU {
  static constexpr bool kReadsX = true, kReadsY = false, kLight = false;
  template <class V>
  static PRELUNET_INLINE V forward(V x, V) {
    return x * sigmoid(x);
  }
  template <class V>
  static PRELUNET_INLINE V backward(V grad, V x, V, V) {
    const V s = sigmoid(x);
    return grad * (s * fma(x, 1 - s, constant<V>(1)));
  }
};

struct Tanh {
  static constexpr bool kReadsX = false, kReadsY = true, kLight = false;
  template <class V>
  static PRELUNET_INLINE V forward(V x, V) {
    return tanh(x);
  }
  template <class V>
  static PRELUNET_INLINE V backward(V grad, V, V y, V) {
    return grad * fma(-y, y, constant<V>(1));
  }
};

struct Sigmoid {
  static constexpr bool kReadsX = false, kReadsY = true, kLight = false;
  template <class V>
  static PRELUNET_INLINE V forward(V x, V) {
    return sigmoid(x);
  }
  template <class V>
  static PRELUNET_INLINE V backward(V grad, V, V y, V) {
    return grad * (y * (1 - y));
  }
};

// Klambauer et al. 2017, the scale and alpha of their equation 14.
struct SELU {
  static constexpr bool kReadsX = false, kReadsY = true, kLight = false;
  static constexpr double kScale = 1.0507009873554804934193349852946, kAlpha = 1.6732632423543772848170429916717;
  template <class V>
  static PRELUNET_INLINE V forward(V x, V) {
    return select(x > V{}, constant<V>(kScale) * x, constant<V>(kScale * kAlpha) * expm1(min(V{}, x)));
  }
  template <class V>
  static PRELUNET_INLINE V backward(V grad, V, V y, V) {  // y > 0 if and only if x > 0
    return select(y > V{}, constant<V>(kScale) * grad, grad * (y + constant<V>(kScale * kAlpha)));
  }
};

// Misra 2020. With e = e^x and n = e (e + 2): tanh(log(1 + e)) = n / (n + 2), and dy/dx is the quotient of
// n (n + 2) + 4 x e (e + 1) and (n + 2)^2. Within the bounds no product overflows; beyond them the results no longer
// change.
struct Mish {
  static constexpr bool kReadsX = true, kReadsY = false, kLight = false;
  template <class V>
  static PRELUNET_INLINE V forward(V x, V) {
    const V e = exp(min(constant<V>(40), x)), n = e * (e + 2);
    return max(constant<V>(-1000), x) * (n / (n + 2));
  }
  template <class V>
  static PRELUNET_INLINE V backward(V grad, V x, V, V) {
    const V bounded = clamp(x, constant<V>(-1000), constant<V>(sizeof(x[0]) == sizeof(float) ? 20 : 40));
    const V e = exp(bounded), n = e * (e + 2), d = n + 2;
    return grad * (fma(bounded, 4 * e * (e + 1), n * d) / (d * d));
  }
};

// Within the bound the quotient is not infinity / infinity; beyond it the result no longer changes.
struct Softsign {
  static constexpr bool kReadsX = true, kReadsY = false, kLight = true;
  template <class V>
  static PRELUNET_INLINE V forward(V x, V) {
    const V bounded = clamp(x, constant<V>(-1e30), constant<V>(1e30));
    return bounded / (1 + abs(bounded));
  }
  template <class V>
  static PRELUNET_INLINE V backward(V grad, V x, V, V) {
    const V share = 1 / (1 + abs(x));
    return grad * (share * share);
  }
};

// y = x + weight (f(x) - x) for another functor F, computed such that y is f(x) if the weight is 1. `constant` is F's
// parameter. backward() and add_gradient() get f(x) in place of y.
template <class F>
struct Parametric {
  using Inner = F;
  static constexpr bool kReadsX = true, kReadsY = false, kLight = false;
  template <class V>
  static PRELUNET_INLINE V forward(V x, V weight, V constant) {
    return fma(weight, F::forward(x, constant), (1 - weight) * x);
  }
  template <class V>
  static PRELUNET_INLINE V backward(V grad, V x, V f, V weight, V constant) {
    return fma(weight, F::backward(grad, x, f, constant), (1 - weight) * grad);
  }
  template <class V>
  static PRELUNET_INLINE V add_gradient(V sum, V grad, V x, V f) {
    return fma(grad, f - x, sum);
  }
};

template <class Function>
concept IsParametric = requires { typename Function::Inner; };

template <class Function, class V>
PRELUNET_INLINE V forward_of(V x, V parameter, V constant) {
  if constexpr (IsParametric<Function>) {
    return Function::forward(x, parameter, constant);
  } else {
    return Function::forward(x, parameter);
  }
}

template <class Function, class V>
PRELUNET_INLINE V backward_of(V grad, V x, V y, V parameter, V constant) {
  if constexpr (IsParametric<Function>) {
    return Function::backward(grad, x, y, parameter, constant);
  } else {
    return Function::backward(grad, x, y, parameter);
  }
}

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
