// Helpers of the elementary functions, for float and double.

// Adding 1.5 * 2^52 to |k| < 2^51 rounds it to an integer, which is then in the low bits of the sum; with 1023 added as
// well, those bits in the place of the exponent are 2^k.
#define NET_ROUNDER 6755399441056767.0

static inline double net_power_of_two(double rounded) {
  net_bits64 v;
  v.value = rounded;
  v.bits <<= 52;
  return v.value;
}

// x with its sign changed where `sign` has the highest bit.
static inline double net_flip_sign(double x, unsigned long long sign) {
  net_bits64 v;
  v.value = x;
  v.bits ^= sign;
  return v.value;
}

// |x| turns = an integer + quarter / 4 + t with |t| <= 1/8; quarter modulo 4. Returns t, NaN if x is not finite.
static inline double net_split_turns(double x, unsigned long long* quarter) {
  const double t = fabs(x);
  const double beyond = t - t;
  const double rest = t < 4503599627370496.0 ? t - (t + 4503599627370496.0 - 4503599627370496.0) : beyond;
  net_bits64 v;
  v.value = NET_FMA(rest, 4.0, 6755399441055744.0);
  *quarter = v.bits & 3;
  return NET_FMA(v.value - 6755399441055744.0, -0.25, rest);
}

static inline double net_cos_of_turns(double x) {
  unsigned long long quarter;
  const double t = net_split_turns(x, &quarter);
  return net_sin_of_turn(quarter + 1, t);
}

static inline double net_sin_of_turns(double x) {
  unsigned long long quarter;
  const double t = net_split_turns(x, &quarter);
  const double y = net_sin_of_turn(quarter, t);
  return copysign(1.0, x) < 0.0 ? -y : y;
}

// The sum of 16 lanes by a fixed tree.
static inline double net_sum_of_lanes(double* lane) {
  int half, i;
  for (half = 8; half > 0; half /= 2) {
    for (i = 0; i < half; ++i) lane[i] += lane[i + half];
  }
  return lane[0];
}
