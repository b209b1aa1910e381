// exp, expm1, log, tanh, sigmoid, normal_cdf, cos_2pi and sin_2pi of a vector, with the same bits on AVX2, AVX-512 and
// NEON.
//
// float32 is computed in double with short polynomials and rounded once: within 0.502 ULP, so almost always correctly
// rounded. float64 is within 1 ULP for exp and log, 2 for the others, 2.5 for normal_cdf's tail (3 without FMA; the
// other bounds hold there as well). NaN in gives NaN out; infinities, signed zeros and subnormals are handled
// correctly. tools/fit_math.py fits the polynomials and prints the rows of coefficients below.
#pragma once

#include "simd/vec.h"

namespace prelunet::PRELUNET_ISA {
namespace {

typedef std::uint64_t VecU64 __attribute__((vector_size(kVectorBytes)));

constexpr double kInfinity = __builtin_inf();
constexpr double kLog2E = 0x1.71547652b82fep+0;
constexpr double kLn2 = 0x1.62e42fefa39efp-1;
// ln 2 in two parts; the first has 32 bits, so its products with exponents (11 bits) are exact without FMA too.
constexpr double kLn2High = 0x1.62e42feep-1;
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
// Adding 1.5 * 2^52 to |k| < 2^51 rounds it to an integer, which is then the low bits of the sum; with 1023 added as
// well, those bits shifted into the exponent's place are 2^k.
constexpr double kRounder = 0x1.8p+52 + 1023.0;

// c0 + c1 x + c2 x^2 + ... by Horner's rule in x^2, two terms per step. This halves the chain of dependent FMAs.
PRELUNET_INLINE VecF64 polynomial_pairs(VecF64, VecF64, double c0) { return splat(c0); }
PRELUNET_INLINE VecF64 polynomial_pairs(VecF64 x, VecF64, double c0, double c1) { return fma(x, splat(c1), splat(c0)); }
template <class... Rest>
PRELUNET_INLINE VecF64 polynomial_pairs(VecF64 x, VecF64 square, double c0, double c1, Rest... rest) {
  return fma(square, polynomial_pairs(x, square, rest...), fma(x, splat(c1), splat(c0)));
}
template <class... Coefficients>
PRELUNET_INLINE VecF64 polynomial(VecF64 x, Coefficients... c) {
  return polynomial_pairs(x, x * x, c...);
}

// Applies f, a function of doubles, to both halves of x.
template <class F>
PRELUNET_INLINE VecF32 in_double(VecF32 x, F f) {
  return narrow(f(widen_low(x)), f(widen_high(x)));
}

// x clipped to [low, high]; NaN stays NaN.
template <class V>
PRELUNET_INLINE V clamp(V x, V low, V high) {
  return max(low, min(high, x));
}

// ---- exp -------------------------------------------------------------------------------------------------------

PRELUNET_INLINE VecF64 power_of_two(VecF64 rounded) { return (VecF64)((VecU64)rounded << 52); }

// e^x = 2^k * (1 + fraction), |k| < 2^11 an integer; `rounded` is k + kRounder.
struct SplitExp {
  VecF64 rounded, k, fraction;
};

// T is the precision of the fraction. |x| must be at most about 1100, or NaN.
template <class T>
PRELUNET_INLINE SplitExp split_exp(VecF64 x, VecF64 x_low = VecF64{}) {
  SplitExp e;
  e.rounded = fma(x, splat(kLog2E), splat(kRounder));
  e.k = e.rounded - kRounder;
  if constexpr (sizeof(T) == sizeof(float)) {
    const VecF64 r = fma(e.k, splat(-kLn2), x);
    // (e^r - 1) / r on |r| <= ln(2) / 2: relative error 5.1e-12
    e.fraction =
        r * polynomial(r, 0.9999999999955055, 0.4999999999995507, 0.1666666678638044, 0.041666666786337556,
                       0.008333283518768105, 0.001388883909064138, 0.00019907582591325134, 2.4867883453521802e-05);
  } else {
    const VecF64 high = fma(e.k, splat(-kLn2High), x), low = fma(e.k, splat(-kLn2Low), x_low);
    const VecF64 r = high + low, lost = high - r + low;
    // (e^r - 1 - r) / r^2 on |r| <= ln(2) / 2: relative error 4.9e-18
    const VecF64 p =
        polynomial(r, 0.5, 0.1666666666666667, 0.04166666666666667, 0.008333333333326136, 0.0013888888888883748,
                   0.00019841269874820627, 2.4801587325547743e-05, 2.7557255400206422e-06, 2.75572736431103e-07,
                   2.5105217004720745e-08, 2.0914686968086876e-09);
    e.fraction = r + fma(r * r, p, lost);
  }
  return e;
}

// 2^k * x for |k| < 2^11 in two steps. The first is exact, so that a subnormal result is rounded once.
PRELUNET_INLINE VecF64 scale(VecF64 x, VecF64 k) {
  const VecF64 half = fma(k, splat(0.5), splat(kRounder));
  const VecF64 rest = k - (half - kRounder) + kRounder;
  return x * power_of_two(half) * power_of_two(rest);
}

// e^x to float precision; it must neither overflow nor underflow in double.
PRELUNET_INLINE VecF64 exp_short(VecF64 x) {
  const SplitExp e = split_exp<float>(x);
  const VecF64 power = power_of_two(e.rounded);
  return fma(power, e.fraction, power);
}

// e^x; beyond the bounds it rounds to infinity and 0 in float.
PRELUNET_INLINE VecF32 exp(VecF32 x) {
  const VecF32 bounded = clamp(x, splat(-104.0f), splat(89.0f));
  return in_double(bounded, [](VecF64 v) __attribute__((always_inline)) { return exp_short(v); });
}
PRELUNET_INLINE VecF64 exp(VecF64 x) {
  const SplitExp e = split_exp<double>(clamp(x, splat(-746.0), splat(710.0)));
  return scale(1.0 + e.fraction, e.k);
}

// ---- expm1 -----------------------------------------------------------------------------------------------------

// e^x - 1; below the bounds it rounds to -1.
PRELUNET_INLINE VecF32 expm1(VecF32 x) {
  const auto f = [](VecF64 v) __attribute__((always_inline)) {
    const SplitExp e = split_exp<float>(v);
    const VecF64 power = power_of_two(e.rounded);
    return fma(power, e.fraction, power - 1.0);
  };
  return copysign(in_double(clamp(x, splat(-30.0f), splat(89.0f)), f), x);  // f(-0) is +0
}
// Computed in halves, since 2^k may overflow when e^x does not.
PRELUNET_INLINE VecF64 expm1(VecF64 x) {
  const SplitExp e = split_exp<double>(clamp(x, splat(-50.0), splat(710.0)));
  const VecF64 half_power = power_of_two(e.rounded - 1.0);
  const VecF64 half = fma(half_power, e.fraction, half_power - 0.5);
  return select(abs(x) < 0x1p-54, x, half + half);
}

// ---- tanh ------------------------------------------------------------------------------------------------------

// x P(x^2) / Q(x^2); beyond 9.02 the result rounds to 1.
PRELUNET_INLINE VecF32 tanh(VecF32 x) {
  const auto f = [](VecF64 v) __attribute__((always_inline)) {
    const VecF64 z = v * v;
    // P / Q on |x| <= 9.02: relative error 8.6e-11
    const VecF64 p = polynomial(z, 0.9999999999999838, 0.14108709180280388, 0.004438539547773023, 4.259210663745806e-05,
                                1.1293107532733704e-07, 3.7770036887758336e-11);
    const VecF64 q = polynomial(z, 1.0, 0.4744204251283314, 0.029245347983928457, 0.0005032386271282902,
                                2.6329279864040003e-06, 3.0143229636306077e-09);
    return v * p / q;
  };
  return in_double(clamp(x, splat(-9.02f), splat(9.02f)), f);
}
// With t = |x|: t + t^3 P(t^2) / Q(t^2) if t < 0.55, else 1 - 2 / (e^(2t) + 1), which rounds to 1 beyond 20.
PRELUNET_INLINE VecF64 tanh(VecF64 x) {
  const VecF64 t = min(splat(20.0), abs(x)), z = t * t;
  // P / Q on t <= 0.55: relative error 5.6e-17
  const VecF64 p = polynomial(z, -0.3333333333333333, -0.020501964963793903, -0.0001993183245513845);
  const VecF64 q = polynomial(z, 1.0, 0.4615058948913807, 0.02329555102548231, 0.0002066839880815247);
  const SplitExp e = split_exp<double>(t + t);
  const VecF64 power = power_of_two(e.rounded);
  const auto small = t < 0.55;
  const VecF64 numerator = select(small, t * z * p, splat(-2.0));
  const VecF64 denominator = select(small, q, fma(power, e.fraction, power + 1.0));
  return copysign(select(small, t, splat(1.0)) + numerator / denominator, x);
}

// ---- sigmoid ---------------------------------------------------------------------------------------------------

// 1 / (1 + e^-x); beyond the bounds it rounds to 0 and 1 in float.
PRELUNET_INLINE VecF32 sigmoid(VecF32 x) {
  const auto f = [](VecF64 v) __attribute__((always_inline)) { return 1.0 / (1.0 + exp_short(-v)); };
  return in_double(clamp(x, splat(-104.0f), splat(104.0f)), f);
}
// With e = e^-|x| and s = e / (1 + e): 1 - s for x >= 0, and s for x < 0, computed as e - e s, which rounds better.
PRELUNET_INLINE VecF64 sigmoid(VecF64 x) {
  const VecF64 e = exp(-abs(x)), s = e / (1.0 + e);
  return select(x < 0.0, fma(-e, s, e), 1.0 - s);
}

// ---- log -------------------------------------------------------------------------------------------------------

// x = 2^k * (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2), for normal x > 0.
struct SplitLog {
  VecF64 k, f;
};

PRELUNET_INLINE SplitLog split_log(VecF64 x) {
  constexpr std::uint64_t kSqrtHalf = 0x3fe6a09e00000000, kOne = 0x3ff0000000000000;
  const VecU64 shifted = (VecU64)x + (kOne - kSqrtHalf);
  // k + 1023 becomes a double through the low bits of 2^52.
  const VecF64 k = (VecF64)((shifted >> 52) | 0x4330000000000000) - (0x1p+52 + 1023.0);
  const VecF64 m = (VecF64)((shifted & 0x000fffffffffffff) + kSqrtHalf);
  return {k, m - 1.0};
}

// `result` if x is positive and finite, else the limit of log.
template <class V>
PRELUNET_INLINE V log_limits(V x, V result) {
  using T = decltype(x[0] + 0);
  // A constant, because the sign of inf - inf depends on the processor and on who computes it, compiler or processor.
  const V zero = {}, infinity = zero + static_cast<T>(kInfinity), nan = zero + static_cast<T>(__builtin_nan(""));
  const V positive = select(x < infinity, result, x);
  return select(x > zero, positive, select(x == zero, -infinity, nan));
}

// log(1 + f) = 2 s + s^3 R(s^2) with s = f / (2 + f).
PRELUNET_INLINE VecF32 log(VecF32 x) {
  const auto f = [](VecF64 v) __attribute__((always_inline)) {
    const SplitLog l = split_log(v);
    const VecF64 s = l.f / (2.0 + l.f), z = s * s;
    // R on 0 <= z <= 0.0295: relative error 6.9e-14
    const VecF64 r = polynomial(z, 2.0, 0.6666666666666208, 0.40000000011217896, 0.28571424134707796,
                                0.22222862673651322, 0.181401766003153, 0.16622077041783972);
    return fma(l.k, splat(kLn2), s * r);
  };
  return log_limits(x, in_double(x, f));
}
// As f - (f^2/2 - s (f^2/2 + z R(z))), whose leading term is exact (fdlibm's e_log.c).
PRELUNET_INLINE VecF64 log(VecF64 x) {
  const auto subnormal = x < 0x1p-1022;
  const SplitLog l = split_log(select(subnormal, x * 0x1p+54, x));
  const VecF64 k = select(subnormal, l.k - 54.0, l.k), f = l.f;
  const VecF64 s = f / (2.0 + f), z = s * s, half_square = 0.5 * f * f;
  // R on 0 <= z <= 0.0295: relative error 4.7e-16
  const VecF64 r = z * polynomial(z, 0.666666666666667, 0.3999999999989938, 0.28571428626031065, 0.2222221112572281,
                                  0.18182889786191042, 0.15331699633543858, 0.14616721179861816);
  const VecF64 correction = half_square - fma(s, half_square + r, k * kLn2Low);
  return log_limits(x, fma(k, splat(kLn2High), f - correction));
}

// ---- cos_2pi, sin_2pi ------------------------------------------------------------------------------------------

// |x| = an integer + quarter / 4 + s turns with |s| <= 1/8, quarter modulo 4. s is exact; NaN if x is not finite.
struct SplitTurn {
  VecU64 quarter;
  VecF64 s;
};

PRELUNET_INLINE SplitTurn split_turn(VecF64 x) {
  constexpr double kInteger = 0x1p+52;  // added to t < 2^52, it rounds t to an integer; larger t are integers
  const VecF64 t = abs(x), beyond = select(t < kInfinity, VecF64{}, splat(__builtin_nan("")));
  const VecF64 rest = select(t < kInteger, t - (t + kInteger - kInteger), beyond);
  const VecF64 rounded = fma(rest, splat(4.0), splat(0x1.8p+52));
  return {(VecU64)rounded & 3, fma(rounded - 0x1.8p+52, splat(-0.25), rest)};
}

// sin(2 pi (quarter / 4 + s)). T is the precision.
template <class T>
PRELUNET_INLINE VecF64 sin_of_turn(VecU64 quarter, VecF64 s) {
  const VecF64 z = s * s;
  VecF64 sine, cosine;
  if constexpr (sizeof(T) == sizeof(float)) {
    // sin(2 pi s) / s and (cos(2 pi s) - 1) / s^2 on |s| <= 1/8: relative errors 4.8e-12 and 7.6e-13
    sine = s *
           polynomial(z, 6.2831853071524, -41.341702153394905, 81.60520471104576, -76.6978663502028, 41.47283323950919);
    cosine = fma(z,
                 polynomial(z, -19.739208802164462, 64.93939397704874, -85.4567938411542, 60.24045096588774,
                            -26.119219394346004),
                 splat(1.0));
  } else {
    constexpr double kTwoPi = 0x1.921fb54442d18p+2;
    // sin(2 pi s) / s - 2 pi, 2 pi as a double, and (cos(2 pi s) - 1) / s^2: relative errors 5.3e-18 and 7e-17
    const VecF64 varying =
        polynomial(z, 2.449181405265102e-16, -41.34170224039976, 81.60524927607493, -76.70585975299812,
                   42.05869392898878, -15.094640403891546, 3.8197881201632113, -0.7116358090781666);
    sine = fma(s, splat(kTwoPi), s * varying);
    cosine = fma(z,
                 polynomial(z, -19.739208802178716, 64.9393940226683, -85.45681720669369, 60.24464137185456,
                            -26.4262567778174, 7.90353561233896, -1.714333269420992, 0.2797407860657504),
                 splat(1.0));
  }
  const VecF64 value = select((quarter & 1) != 0, cosine, sine);
  return (VecF64)((VecU64)value ^ ((quarter & 2) << 62));
}

template <class T>
PRELUNET_INLINE VecF64 cos_2pi_to(VecF64 x) {
  const SplitTurn turn = split_turn(x);
  return sin_of_turn<T>(turn.quarter + 1, turn.s);
}
template <class T>
PRELUNET_INLINE VecF64 sin_2pi_to(VecF64 x) {
  const SplitTurn turn = split_turn(x);
  const VecU64 sign = (VecU64)x & 0x8000000000000000ULL;
  return (VecF64)((VecU64)sin_of_turn<T>(turn.quarter, turn.s) ^ sign);
}

// cos(2 pi x) and sin(2 pi x): x counts turns, so that the reduction is exact for any x. Infinity gives NaN.
PRELUNET_INLINE VecF32 cos_2pi(VecF32 x) {
  return in_double(x, [](VecF64 v) __attribute__((always_inline)) { return cos_2pi_to<float>(v); });
}
PRELUNET_INLINE VecF64 cos_2pi(VecF64 x) { return cos_2pi_to<double>(x); }
PRELUNET_INLINE VecF32 sin_2pi(VecF32 x) {
  return in_double(x, [](VecF64 v) __attribute__((always_inline)) { return sin_2pi_to<float>(v); });
}
PRELUNET_INLINE VecF64 sin_2pi(VecF64 x) { return sin_2pi_to<double>(x); }

// ---- normal_cdf ------------------------------------------------------------------------------------------------

// Phi(x) = erfc(-x / sqrt(2)) / 2. With t = |x|: Phi(-t) = e^(-t^2/2) P / (t + c), c 5 or 2, where P varies slowly.
PRELUNET_INLINE VecF32 normal_cdf(VecF32 x) {
  const auto f = [](VecF64 v) __attribute__((always_inline)) {
    const VecF64 t = abs(v), w = 1.0 / (t + 5.0);
    // P as a polynomial in w on 0 <= t <= 14.5: relative error 1.1e-12
    const VecF64 p =
        polynomial(w, 0.39894484000593655, 1.9943231546122062, 9.601530297817167, 42.75397541279839, 222.73710786523918,
                   128.94788037190253, 12597.677635239126, -97058.3530415794, 912603.5369840126, -5276409.355905581,
                   23007256.085202176, -65420636.965184145, 102088732.9251447, -66500149.86156373);
    const VecF64 tail = exp_short(-0.5 * t * t) * (w * p);
    return select(v < 0.0, tail, 1.0 - tail);
  };
  return in_double(clamp(x, splat(-14.5f), splat(14.5f)), f);
}

// The upper 26 bits of the significand: products of two such are exact.
PRELUNET_INLINE VecF64 upper_half(VecF64 x) { return (VecF64)((VecU64)x & ~0x7ffffffULL); }

// 1/2 + x Q(x^2) for small |x|, where this rounds better.
PRELUNET_INLINE VecF64 normal_cdf(VecF64 x) {
  const VecF64 t = min(splat(39.0), abs(x));
  // Q on t <= 0.67: relative error 7.4e-17
  const VecF64 q = polynomial(x * x, 0.3989422804014327, -0.06649038006690523, 0.009973557010023316,
                              -0.0011873282151942147, 0.00011543468433031161, -9.444635047738032e-06,
                              6.658887648455306e-07, -4.1047585742097174e-08, 2.0569676939018213e-09);
  // P = 0.5 + varying, a polynomial in w - 0.203125 on 0.67 <= t <= 39: relative error 1.5e-17
  const VecF64 d = t + 2.0, w = 1.0 / d;
  const VecF64 varying =
      polynomial(w - 0.203125, 0.11152190320054489, 1.267156604086328, 0.7820447314388638, -2.1625609902943927,
                 -1.9317235589685975, 8.204591688180123, -0.1521931201512693, -35.011714019733105, 54.51697403252174,
                 79.66382039124701, -454.8926288507393, 556.7759716699037, 1379.536401416246, -7030.734802855187,
                 10277.312532551421, 17596.207485513107, -123540.61705252047, 260390.78223974354, 22168.26546676855,
                 -1944297.6057962084, 7912263.504399685, -14917725.792162178, -46196037.63934833, 316366790.45589197,
                 -134447596.71700138, -2050640077.617853, 1758946153.439253, 5154156809.378109);
  // w has a relative error from rounding, d's and its own, and w P varies about as w to the power of 1 + 1.75 w.
  const VecF64 d_high = upper_half(d), w_high = upper_half(w);
  const VecF64 error = 1.0 - w_high * d_high - fma(w_high, t - d_high + 2.0, (w - w_high) * d);
  const VecF64 repair = error * fma(w, splat(1.75), splat(1.0));
  // t^2 = high^2 + (t - high) (t + high), whose first term is exact.
  const VecF64 high = upper_half(t);
  const SplitExp e = split_exp<double>(-0.5 * high * high, -0.5 * (t - high) * (t + high));
  // P (1 + fraction) = 0.5 + rest, rounded to `sum`; the error is `lost`.
  const VecF64 fraction = fma(repair, 1.0 + e.fraction, e.fraction);
  const VecF64 rest = fma(0.5 + varying, fraction, varying);
  const VecF64 sum = 0.5 + rest, lost = 0.5 - sum + rest;
  const VecF64 tail = scale(fma(w, sum, w * lost), e.k);
  return select(t < 0.67, fma(x, q, splat(0.5)), select(x < 0.0, tail, 1.0 - tail));
}

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
