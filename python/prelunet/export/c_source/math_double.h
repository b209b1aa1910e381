// Elementary functions of double, as in cpp/kernels/math.h.

static inline double net_clamp(double x, double low, double high) {
  const double below = high < x ? high : x; /* NaN stays NaN */
  return low > below ? low : below;
}

// e^(x + x_low) = 2^k * (1 + fraction) with `rounded` = k + 1.5 * 2^52 + 1023. Returns the fraction.
static inline double net_split_exp(double x, double x_low, double* rounded) {
  const double sum = NET_FMA(x, 1.4426950408889634, NET_ROUNDER);
  const double k = sum - NET_ROUNDER;
  const double high = NET_FMA(k, -0.6931471803691238, x);
  const double low = NET_FMA(k, -1.9082149292705877e-10, x_low);
  const double r = high + low;
  const double lost = high - r + low;
  const double s = r * r;
  double p = 2.0914686968086876e-09;
  p = NET_FMA(s, p, NET_FMA(r, 2.5105217004720745e-08, 2.75572736431103e-07));
  p = NET_FMA(s, p, NET_FMA(r, 2.7557255400206422e-06, 2.4801587325547743e-05));
  p = NET_FMA(s, p, NET_FMA(r, 0.00019841269874820627, 0.0013888888888883748));
  p = NET_FMA(s, p, NET_FMA(r, 0.008333333333326136, 0.04166666666666667));
  p = NET_FMA(s, p, NET_FMA(r, 0.1666666666666667, 0.5));
  *rounded = sum;
  return r + NET_FMA(s, p, lost);
}

// 2^k * x in two steps. The first is exact, so that a subnormal result is rounded once.
static inline double net_scale_by_power(double x, double k) {
  const double half = NET_FMA(k, 0.5, NET_ROUNDER);
  const double rest = k - (half - NET_ROUNDER) + NET_ROUNDER;
  return x * net_power_of_two(half) * net_power_of_two(rest);
}

static inline double net_exp(double x) {
  double rounded;
  const double fraction = net_split_exp(net_clamp(x, -746.0, 710.0), 0.0, &rounded);
  return net_scale_by_power(1.0 + fraction, rounded - NET_ROUNDER);
}

static inline double net_expm1(double x) {
  double rounded;
  const double fraction = net_split_exp(net_clamp(x, -50.0, 710.0), 0.0, &rounded);
  const double power = net_power_of_two(rounded - 1.0);
  const double half = NET_FMA(power, fraction, power - 0.5);
  return fabs(x) < 5.551115123125783e-17 ? x : half + half;
}

static inline double net_tanh(double x) {
  const double t = 20.0 < fabs(x) ? 20.0 : fabs(x);
  const double z = t * t;
  const double s = z * z;
  double p = -0.0001993183245513845;
  p = NET_FMA(s, p, NET_FMA(z, -0.020501964963793903, -0.3333333333333333));
  double q = NET_FMA(z, 0.0002066839880815247, 0.02329555102548231);
  q = NET_FMA(s, q, NET_FMA(z, 0.4615058948913807, 1.0));
  double rounded;
  const double fraction = net_split_exp(t + t, 0.0, &rounded);
  const double power = net_power_of_two(rounded);
  const double numerator = t < 0.55 ? t * z * p : -2.0;
  const double denominator = t < 0.55 ? q : NET_FMA(power, fraction, power + 1.0);
  return copysign((t < 0.55 ? t : 1.0) + numerator / denominator, x);
}

static inline double net_sigmoid(double x) {
  const double e = net_exp(-fabs(x));
  const double s = e / (1.0 + e);
  return x < 0.0 ? NET_FMA(-e, s, e) : 1.0 - s;
}

static inline double net_normal_cdf(double x) {
  const double t = 39.0 < fabs(x) ? 39.0 : fabs(x);
  const double z = x * x;
  const double z_square = z * z;
  double q = 2.0569676939018213e-09;
  q = NET_FMA(z_square, q, NET_FMA(z, -4.1047585742097174e-08, 6.658887648455306e-07));
  q = NET_FMA(z_square, q, NET_FMA(z, -9.444635047738032e-06, 0.00011543468433031161));
  q = NET_FMA(z_square, q, NET_FMA(z, -0.0011873282151942147, 0.009973557010023316));
  q = NET_FMA(z_square, q, NET_FMA(z, -0.06649038006690523, 0.3989422804014327));
  const double d = t + 2.0;
  const double w = 1.0 / d;
  const double v = w - 0.203125;
  const double s = v * v;
  double p = NET_FMA(v, 5154156809.378109, 1758946153.439253);
  p = NET_FMA(s, p, NET_FMA(v, -2050640077.617853, -134447596.71700138));
  p = NET_FMA(s, p, NET_FMA(v, 316366790.45589197, -46196037.63934833));
  p = NET_FMA(s, p, NET_FMA(v, -14917725.792162178, 7912263.504399685));
  p = NET_FMA(s, p, NET_FMA(v, -1944297.6057962084, 22168.26546676855));
  p = NET_FMA(s, p, NET_FMA(v, 260390.78223974354, -123540.61705252047));
  p = NET_FMA(s, p, NET_FMA(v, 17596.207485513107, 10277.312532551421));
  p = NET_FMA(s, p, NET_FMA(v, -7030.734802855187, 1379.536401416246));
  p = NET_FMA(s, p, NET_FMA(v, 556.7759716699037, -454.8926288507393));
  p = NET_FMA(s, p, NET_FMA(v, 79.66382039124701, 54.51697403252174));
  p = NET_FMA(s, p, NET_FMA(v, -35.011714019733105, -0.1521931201512693));
  p = NET_FMA(s, p, NET_FMA(v, 8.204591688180123, -1.9317235589685975));
  p = NET_FMA(s, p, NET_FMA(v, -2.1625609902943927, 0.7820447314388638));
  p = NET_FMA(s, p, NET_FMA(v, 1.267156604086328, 0.11152190320054489));
  const double d_high = net_upper_half(d);
  const double w_high = net_upper_half(w);
  const double error = 1.0 - w_high * d_high - NET_FMA(w_high, t - d_high + 2.0, (w - w_high) * d);
  const double repair = error * NET_FMA(w, 1.75, 1.0);
  const double high = net_upper_half(t);
  double rounded;
  const double split = net_split_exp(-0.5 * high * high, -0.5 * (t - high) * (t + high), &rounded);
  const double fraction = NET_FMA(repair, 1.0 + split, split);
  const double rest = NET_FMA(0.5 + p, fraction, p);
  const double sum = 0.5 + rest;
  const double lost = 0.5 - sum + rest;
  const double tail = net_scale_by_power(NET_FMA(w, sum, w * lost), rounded - NET_ROUNDER);
  return t < 0.67 ? NET_FMA(x, q, 0.5) : x < 0.0 ? tail : 1.0 - tail;
}

static inline double net_upper_half(double x) {
  net_bits64 v;
  v.value = x;
  v.bits &= ~0x7ffffffULL;
  return v.value;
}

// sin(2 pi (quarter / 4 + t)) for |t| <= 1/8.
static inline double net_sin_of_turn(unsigned long long quarter, double t) {
  const double z = t * t;
  const double s = z * z;
  double p = NET_FMA(z, -0.7116358090781666, 3.8197881201632113);
  p = NET_FMA(s, p, NET_FMA(z, -15.094640403891546, 42.05869392898878));
  p = NET_FMA(s, p, NET_FMA(z, -76.70585975299812, 81.60524927607493));
  p = NET_FMA(s, p, NET_FMA(z, -41.34170224039976, 2.449181405265102e-16));
  double q = NET_FMA(z, 0.2797407860657504, -1.714333269420992);
  q = NET_FMA(s, q, NET_FMA(z, 7.90353561233896, -26.4262567778174));
  q = NET_FMA(s, q, NET_FMA(z, 60.24464137185456, -85.45681720669369));
  q = NET_FMA(s, q, NET_FMA(z, 64.9393940226683, -19.739208802178716));
  p = NET_FMA(t, 6.283185307179586, t * p);
  q = NET_FMA(z, q, 1.0);
  return net_flip_sign((quarter & 1) != 0 ? q : p, (quarter & 2) << 62);
}

static inline double net_cos_2pi(double x) { return net_cos_of_turns(x); }

static inline double net_sin_2pi(double x) { return net_sin_of_turns(x); }
