// Checks of the compiler and its library.

// 1 if fmaf rounds twice.
static inline int net_fmaf_errors(void) {
  const volatile float a = 1.000244140625f, c = 8.271806125530277e-25f; /* 1 + 2^-12, 2^-80 */
  const volatile float y = NET_FMA_REAL(a, a, c);
  return y != 1.00048840045928955078125f;
}

// 1 if fma rounds twice.
static inline int net_fma_errors(void) {
  const volatile double a = 1.000000007450580596923828125, b = 0.999999992549419403076171875, c = -1.0; /* 1 +- 2^-27 */
  const volatile double y = NET_FMA(a, b, c);
  return y != -5.5511151231257827e-17;
}

// 1 if the compiler contracts a product and a sum.
static inline int net_contractions(void) {
  const volatile float a_given = 1.000244140625f;
  const float a = a_given, c = -1.00048828125f; /* a * a rounds to -c */
  const volatile float y = a * a + c;
  return y < 0.0f || y > 0.0f;
}
