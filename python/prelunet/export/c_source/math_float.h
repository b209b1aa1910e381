// Elementary functions of float, as in cpp/kernels/math.h: computed in double and rounded once.

static inline float net_clamp(float x, float low, float high) {
  const float below = high < x ? high : x; /* NaN stays NaN */
  return low > below ? low : below;
}

// e^x - 1 = 2^k * (1 + fraction) - 1. Returns 2^k.
static inline double net_split_exp(double x, double* fraction) {
  const double rounded = NET_FMA(x, 1.4426950408889634, NET_ROUNDER);
  const double r = NET_FMA(rounded - NET_ROUNDER, -0.6931471805599453, x);
  const double s = r * r;
  double p = NET_FMA(r, 2.4867883453521802e-05, 0.00019907582591325134);
  p = NET_FMA(s, p, NET_FMA(r, 0.001388883909064138, 0.008333283518768105));
  p = NET_FMA(s, p, NET_FMA(r, 0.041666666786337556, 0.1666666678638044));
  p = NET_FMA(s, p, NET_FMA(r, 0.4999999999995507, 0.9999999999955055));
  *fraction = r * p;
  return net_power_of_two(rounded);
}

// e^x to the precision of float; it must neither overflow nor underflow.
static inline double net_exp_short(double x) {
  double fraction;
  const double power = net_split_exp(x, &fraction);
  return NET_FMA(power, fraction, power);
}

static inline float net_exp(float x) { return (float)net_exp_short((double)net_clamp(x, -104.0f, 89.0f)); }

static inline float net_expm1(float x) {
  double fraction;
  const double power = net_split_exp((double)net_clamp(x, -30.0f, 89.0f), &fraction);
  return copysignf((float)NET_FMA(power, fraction, power - 1.0), x);
}

static inline float net_tanh(float x) {
  const double v = (double)net_clamp(x, -9.02f, 9.02f);
  const double z = v * v;
  const double s = z * z;
  double p = NET_FMA(z, 3.7770036887758336e-11, 1.1293107532733704e-07);
  p = NET_FMA(s, p, NET_FMA(z, 4.259210663745806e-05, 0.004438539547773023));
  p = NET_FMA(s, p, NET_FMA(z, 0.14108709180280388, 0.9999999999999838));
  double q = NET_FMA(z, 3.0143229636306077e-09, 2.6329279864040003e-06);
  q = NET_FMA(s, q, NET_FMA(z, 0.0005032386271282902, 0.029245347983928457));
  q = NET_FMA(s, q, NET_FMA(z, 0.4744204251283314, 1.0));
  return (float)(v * p / q);
}

static inline float net_sigmoid(float x) {
  const double v = (double)net_clamp(x, -104.0f, 104.0f);
  return (float)(1.0 / (1.0 + net_exp_short(-v)));
}

static inline float net_normal_cdf(float x) {
  const double v = (double)net_clamp(x, -14.5f, 14.5f);
  const double t = fabs(v);
  const double w = 1.0 / (t + 5.0);
  const double s = w * w;
  double p = NET_FMA(w, -66500149.86156373, 102088732.9251447);
  p = NET_FMA(s, p, NET_FMA(w, -65420636.965184145, 23007256.085202176));
  p = NET_FMA(s, p, NET_FMA(w, -5276409.355905581, 912603.5369840126));
  p = NET_FMA(s, p, NET_FMA(w, -97058.3530415794, 12597.677635239126));
  p = NET_FMA(s, p, NET_FMA(w, 128.94788037190253, 222.73710786523918));
  p = NET_FMA(s, p, NET_FMA(w, 42.75397541279839, 9.601530297817167));
  p = NET_FMA(s, p, NET_FMA(w, 1.9943231546122062, 0.39894484000593655));
  p = net_exp_short(-0.5 * t * t) * (w * p);
  return (float)(v < 0.0 ? p : 1.0 - p);
}

// sin(2 pi (quarter / 4 + t)) for |t| <= 1/8.
static inline double net_sin_of_turn(unsigned long long quarter, double t) {
  const double z = t * t;
  const double s = z * z;
  double p = 41.47283323950919;
  p = NET_FMA(s, p, NET_FMA(z, -76.6978663502028, 81.60520471104576));
  p = NET_FMA(s, p, NET_FMA(z, -41.341702153394905, 6.2831853071524));
  double q = -26.119219394346004;
  q = NET_FMA(s, q, NET_FMA(z, 60.24045096588774, -85.4567938411542));
  q = NET_FMA(s, q, NET_FMA(z, 64.93939397704874, -19.739208802164462));
  p = t * p;
  q = NET_FMA(z, q, 1.0);
  return net_flip_sign((quarter & 1) != 0 ? q : p, (quarter & 2) << 62);
}

static inline float net_cos_2pi(float x) { return (float)net_cos_of_turns((double)x); }

static inline float net_sin_2pi(float x) { return (float)net_sin_of_turns((double)x); }
