// Activations, as in cpp/kernels/activation.h: a function of each, with its constant if it has one. tanh and sigmoid
// are in math_float.h and math_double.h.

static inline net_real net_relu(net_real x) { return x <= 0 ? 0 : x; }

static inline net_real net_leaky_relu(net_real x, net_real slope) { return x > 0 ? x : slope * x; }

static inline net_real net_elu(net_real x, net_real scale) { return x > 0 ? x : scale * net_expm1(0 < x ? 0 : x); }

static inline net_real net_gelu(net_real x) { return x * net_normal_cdf(x); }

static inline net_real net_silu(net_real x) { return x * net_sigmoid(x); }

static inline net_real net_selu(net_real x) {
  const double scale = 1.0507009873554804934193349852946;
  const double product = scale * 1.6732632423543772848170429916717;
  return x > 0 ? (net_real)scale * x : (net_real)product * net_expm1(0 < x ? 0 : x);
}

static inline net_real net_mish(net_real x) {
  const net_real e = net_exp(40 < x ? 40 : x);
  const net_real n = e * (e + 2);
  return (-1000 > x ? -1000 : x) * (n / (n + 2));
}

static inline net_real net_softsign(net_real x) {
  const net_real bounded = net_clamp(x, (net_real)-1e30, (net_real)1e30);
  return bounded / (1 + NET_ABS(bounded));
}
