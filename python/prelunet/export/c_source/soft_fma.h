#ifdef NET_SOFT_FMA
// a + b - sum, exactly, for the rounded sum.
static inline double net_sum_error(double a, double b, double sum) {
  const double of_b = sum - a;
  return (a - (sum - of_b)) + (b - of_b);
}

// a + b; if it is inexact, the neighbor of the exact sum whose last bit is 1.
static inline double net_sum_to_odd(double a, double b) {
  net_bits64 v;
  double error;
  v.value = a + b;
  error = net_sum_error(a, b, v.value);
  if (error < 0.0 || error > 0.0) {
    if ((v.bits & 1) == 0) v.bits += (error > 0.0) == (v.value > 0.0) ? 1 : ~0ull;
  }
  return v.value;
}

// a * b + c rounded once, by plain operations, where neither a * b nor its parts overflow or underflow: exact parts of
// the product and of the sums, then rounding to odd (Boldo and Melquiond 2008, doi:10.1109/TC.2007.70819).
static inline double net_soft_fma(double a, double b, double c) {
  const double product = a * b;
  double low, sum;
  if (!(fabs(product) <= DBL_MAX) || !(fabs(c) <= DBL_MAX)) return product + c;
  {
    const double a_scaled = a * 134217729.0, b_scaled = b * 134217729.0; /* 2^27 + 1 */
    const double a_high = a_scaled - (a_scaled - a), b_high = b_scaled - (b_scaled - b);
    const double a_low = a - a_high, b_low = b - b_high;
    low = a_low * b_low - (product - a_high * b_high - a_low * b_high - a_high * b_low);
  }
  sum = c + low;
  low = net_sum_error(c, low, sum);
  c = product + sum;
  return c + net_sum_to_odd(low, net_sum_error(product, sum, c));
}

static inline float net_soft_fmaf(float a, float b, float c) {
  return (float)net_sum_to_odd((double)a * (double)b, (double)c);
}
#endif
