// Products of 8-bit integers.

// q = x * scale, rounded to the nearest integer, ties to even, within -127 and 127. NaN becomes -127.
static inline void net_quantize(const float* NET_RESTRICT x, float scale, long n, signed char* NET_RESTRICT q) {
  long j;
  for (j = 0; j < n; ++j) {
    float v = x[j] * scale;
    v = v > -127.0f ? v : -127.0f;
    v = v < 127.0f ? v : 127.0f;
    v = v + 12582912.0f; /* 1.5 * 2^23: the sum has no fraction */
    q[j] = (signed char)(v - 12582912.0f);
  }
}

// Adds the products of q[k] and row k of w to the sums, which cannot overflow.
static inline void net_add_integers(const signed char* NET_RESTRICT q, const signed char* NET_RESTRICT w, long count,
                                    long units, int* NET_RESTRICT sum) {
  long j;
  for (; count >= 4; count -= 4, q += 4, w += 4 * units) {
    const int q0 = q[0], q1 = q[1], q2 = q[2], q3 = q[3];
    for (j = 0; j < units; ++j) {
      sum[j] += (int)(q0 * w[j] + q1 * w[j + units]) + (int)(q2 * w[j + 2 * units] + q3 * w[j + 3 * units]);
    }
  }
  for (; count > 0; --count, ++q, w += units) {
    for (j = 0; j < units; ++j) sum[j] += (int)(q[0] * w[j]);
  }
}

static inline void net_dense_integers(const signed char* NET_RESTRICT q, const signed char* NET_RESTRICT w, long count,
                                      long units, int* NET_RESTRICT sum) {
  long j;
  for (j = 0; j < units; ++j) sum[j] = 0;
  net_add_integers(q, w, count, units, sum);
}

static inline void net_conv2d_integers(const signed char* NET_RESTRICT q, const signed char* NET_RESTRICT w,
                                       const net_windows* g, long filters, int* NET_RESTRICT sum) {
  const long c = g->channels;
  long i, j, u, v, f;
  for (i = 0; i < g->places_high; ++i) {
    for (j = 0; j < g->places_wide; ++j, sum += filters) {
      const long left = j * g->stride_right - g->left;
      for (f = 0; f < filters; ++f) sum[f] = 0;
      for (u = 0; u < g->window_height; ++u) {
        const long row = i * g->stride_down - g->top + u;
        for (v = 0; v < g->window_width; ++v) {
          if (row < 0 || row >= g->height || left + v < 0 || left + v >= g->width) continue;
          net_add_integers(q + (row * g->width + left + v) * c, w + (u * g->window_width + v) * c * filters, c, filters,
                           sum);
        }
      }
    }
  }
}
