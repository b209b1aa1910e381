#ifndef NET_TEST_TOLERANCE
#define NET_TEST_TOLERANCE NET_TEST_DEFAULT_TOLERANCE
#endif

// Returns the number of wrong results; 0 if all is well. `return net_self_test();` is a whole main function.
static inline int net_self_test(void) {
  int wrong = net_contractions();
  long row, j;
  net_check_fma();
  for (row = 0; row < NET_TEST_ROWS; ++row) {
    net_real y[NET_OUTPUTS];
    net_predict(net_test_inputs + row * NET_INPUTS, y);
    for (j = 0; j < NET_OUTPUTS; ++j) {
      const net_real expected = net_test_outputs[row * NET_OUTPUTS + j];
      const int both_nan = y[j] != y[j] && expected != expected;
      if (y[j] != expected && !both_nan && !(NET_ABS(y[j] - expected) <= (net_real)NET_TEST_TOLERANCE)) ++wrong;
    }
  }
  return wrong;
}
