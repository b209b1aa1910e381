// Layers, as in cpp/kernels/ and cpp/network/. A vector register holds different outputs, never parts of one sum.

// Adds x[0] w[0], x[1] w[1], ... to y, one fused multiply-add after another. Row k of w has `units` weights.
static inline void net_add_products(const net_real* NET_RESTRICT x, const net_real* NET_RESTRICT w, long count,
                                    long units, net_real* NET_RESTRICT y) {
  long j;
  for (; count >= 8; count -= 8, x += 8, w += 8 * units) {
    const net_real x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3], x4 = x[4], x5 = x[5], x6 = x[6], x7 = x[7];
    for (j = 0; j < units; ++j) {
      net_real sum = NET_FMA_REAL(x0, w[j], y[j]);
      sum = NET_FMA_REAL(x1, w[j + units], sum);
      sum = NET_FMA_REAL(x2, w[j + 2 * units], sum);
      sum = NET_FMA_REAL(x3, w[j + 3 * units], sum);
      sum = NET_FMA_REAL(x4, w[j + 4 * units], sum);
      sum = NET_FMA_REAL(x5, w[j + 5 * units], sum);
      sum = NET_FMA_REAL(x6, w[j + 6 * units], sum);
      y[j] = NET_FMA_REAL(x7, w[j + 7 * units], sum);
    }
  }
  for (; count >= 2; count -= 2, x += 2, w += 2 * units) {
    const net_real x0 = x[0], x1 = x[1];
    for (j = 0; j < units; ++j) y[j] = NET_FMA_REAL(x1, w[j + units], NET_FMA_REAL(x0, w[j], y[j]));
  }
  if (count > 0) {
    for (j = 0; j < units; ++j) y[j] = NET_FMA_REAL(x[0], w[j], y[j]);
  }
}

// y = x W
static inline void net_dense(const net_real* NET_RESTRICT x, const net_real* NET_RESTRICT w, long count, long units,
                             net_real* NET_RESTRICT y) {
  long j;
  for (j = 0; j < units; ++j) y[j] = 0;
  net_add_products(x, w, count, units, y);
}

// Windows of an image. `top` and `left` are the padding; `places_high` and `places_wide` the size of the output.
typedef struct {
  long height, width, channels, window_height, window_width, stride_down, stride_right, top, left;
  long places_high, places_wide;
} net_windows;

// Convolution: y (places, filters) of an image x. The taps are added in the order of rows, columns and channels;
// outside the image they are zeros.
static inline void net_conv2d(const net_real* NET_RESTRICT x, const net_real* NET_RESTRICT w, const net_windows* g,
                              const net_real* NET_RESTRICT zeros, long filters, net_real* NET_RESTRICT y) {
  const long c = g->channels;
  long i, j, u, v, f;
  for (i = 0; i < g->places_high; ++i) {
    for (j = 0; j < g->places_wide; ++j, y += filters) {
      const long left = j * g->stride_right - g->left;
      for (f = 0; f < filters; ++f) y[f] = 0;
      for (u = 0; u < g->window_height; ++u) {
        const long row = i * g->stride_down - g->top + u;
        const net_real* const taps = w + u * g->window_width * c * filters;
        if (row >= 0 && row < g->height && left >= 0 && left + g->window_width <= g->width) {
          net_add_products(x + (row * g->width + left) * c, taps, g->window_width * c, filters, y);
          continue;
        }
        for (v = 0; v < g->window_width; ++v) {
          const int inside = row >= 0 && row < g->height && left + v >= 0 && left + v < g->width;
          net_add_products(inside ? x + (row * g->width + left + v) * c : zeros, taps + v * c * filters, c, filters, y);
        }
      }
    }
  }
}

// Max-pooling. Of equal entries the first is the maximum; NaN is larger than every number.
static inline void net_max_pool2d(const net_real* NET_RESTRICT x, const net_windows* g, net_real* NET_RESTRICT y) {
  const long c = g->channels;
  long i, j, u, v, d;
  for (i = 0; i < g->places_high; ++i) {
    for (j = 0; j < g->places_wide; ++j, y += c) {
      const long top = i * g->stride_down - g->top, left = j * g->stride_right - g->left;
      const net_real* const first = x + ((top > 0 ? top : 0) * g->width + (left > 0 ? left : 0)) * c;
      for (d = 0; d < c; ++d) y[d] = first[d];
      for (u = top; u < top + g->window_height; ++u) {
        for (v = left; v < left + g->window_width; ++v) {
          const net_real* const pixel = x + (u * g->width + v) * c;
          if (u < 0 || u >= g->height || v < 0 || v >= g->width) continue;
          for (d = 0; d < c; ++d) y[d] = pixel[d] <= y[d] || y[d] != y[d] ? y[d] : pixel[d];
        }
      }
    }
  }
}

// Layer normalization of rows of n numbers, before gamma and beta, in place. Sums have 16 lanes in double.
static inline void net_normalize(net_real* x, long rows, long n, double epsilon) {
  for (; rows > 0; --rows, x += n) {
    double lane[16] = {0}, square[16] = {0}, mean;
    net_real scale;
    long j;
    for (j = 0; j < n; ++j) lane[j % 16] += (double)x[j];
    mean = net_sum_of_lanes(lane) / (double)n;
    for (j = 0; j < n; ++j) {
      x[j] = (net_real)((double)x[j] - mean);
      square[j % 16] += (double)x[j] * (double)x[j];
    }
    scale = (net_real)(1.0 / sqrt(net_sum_of_lanes(square) / (double)n + epsilon));
    for (j = 0; j < n; ++j) x[j] *= scale;
  }
}

// The row of an embedding for a code; row 0 if the code is out of range.
static inline long net_code(net_real code, long categories) {
  return code >= 0 && code < (net_real)categories ? (long)code : 0;
}

// Linear maps of the waves of each feature. wave has `terms` numbers; y gets `outputs` numbers of each feature, and the
// feature itself unless `plr`.
static inline void net_periodic(const net_real* NET_RESTRICT x, long features, long frequencies, long outputs, int plr,
                                const net_real* NET_RESTRICT frequency, const net_real* NET_RESTRICT phase,
                                const net_real* NET_RESTRICT weight, const net_real* NET_RESTRICT bias,
                                net_real* NET_RESTRICT wave, net_real* NET_RESTRICT y) {
  const long terms = plr ? 2 * frequencies : frequencies;
  long i, o, c;
  for (i = 0; i < features; ++i, frequency += frequencies) {
    for (c = 0; c < frequencies; ++c) {
      const net_real offset = plr ? 0 : phase[i * frequencies + c] * (net_real)0.15915494309189535;
      const net_real turns = NET_FMA_REAL(frequency[c], x[i], offset);
      wave[c] = net_cos_2pi(turns);
      if (plr) wave[frequencies + c] = net_sin_2pi(turns);
    }
    for (o = 0; o < outputs; ++o, weight += terms, ++bias, ++y) {
      double lane[16] = {0};
      for (c = 0; c < terms; ++c) {
        const net_real product = wave[c] * weight[c];
        lane[c % 16] += (double)product;
      }
      *y = (net_real)(net_sum_of_lanes(lane) + (double)*bias);
      if (plr && *y <= 0) *y = 0;
    }
    if (!plr) *y++ = x[i];
  }
}

// Piecewise linear functions of each feature: y has `outputs` numbers of each. `bins` counts the bins of a feature,
// which has one more edge; base and weight have a row for each bin. linear is null if no linear function is added.
static inline void net_piecewise_linear(const net_real* NET_RESTRICT x, long features, long outputs, const int* bins,
                                        const double* edges, const net_real* NET_RESTRICT base,
                                        const net_real* NET_RESTRICT weight, const net_real* NET_RESTRICT linear,
                                        net_real* NET_RESTRICT y) {
  long i, o, k;
  for (i = 0; i < features; ++i, y += outputs) {
    const double value = (double)x[i];
    net_real share;
    for (k = 0; k + 1 < bins[i] && !(value < edges[k + 1]);) ++k;
    share = (net_real)((value - edges[k]) / (edges[k + 1] - edges[k]));
    for (o = 0; o < outputs; ++o) {
      const net_real product = share * weight[k * outputs + o];
      y[o] = base[k * outputs + o] + product;
      if (linear) {
        const net_real line = x[i] * linear[i * outputs + o];
        y[o] += line;
      }
    }
    edges += bins[i] + 1;
    base += bins[i] * outputs;
    weight += bins[i] * outputs;
  }
}

static NET_NOINLINE void net_softmax(net_real* x, long n) {
  double lane[16] = {0};
  net_real largest = x[0], sum;
  long j;
  for (j = 1; j < n; ++j) largest = x[j] > largest ? x[j] : largest;
  for (j = 0; j < n; ++j) {
    x[j] = net_exp(x[j] - largest);
    lane[j % 16] += (double)x[j];
  }
  sum = (net_real)net_sum_of_lanes(lane);
  for (j = 0; j < n; ++j) x[j] /= sum;
}

static NET_NOINLINE void net_sigmoids(net_real* x, long n) {
  long j;
  for (j = 0; j < n; ++j) x[j] = net_sigmoid(x[j]);
}
