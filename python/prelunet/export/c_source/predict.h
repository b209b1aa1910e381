#ifdef NET_FLUSH
#if defined(__SSE2__) || defined(_M_X64)
typedef unsigned int net_mode;
static inline net_mode net_get_mode(void) { return _mm_getcsr(); }
static inline void net_set_mode(net_mode mode) { _mm_setcsr(mode); }
#define NET_FLUSH_BITS 0x8040u /* MXCSR.FTZ and MXCSR.DAZ */
#elif defined(__aarch64__)
typedef unsigned long long net_mode;
static inline net_mode net_get_mode(void) {
  net_mode mode;
  __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
  return mode;
}
static inline void net_set_mode(net_mode mode) { __asm__ volatile("msr fpcr, %0" : : "r"(mode) : "memory"); }
#define NET_FLUSH_BITS (1ull << 24) /* FPCR.FZ */
#else
#error "NET_FLUSH: unknown processor"
#endif
#endif

// Computes the outputs y from the inputs x.
static inline void net_predict(const net_real* x, net_real* y) {
#ifdef NET_FLUSH
  const net_mode mode = net_get_mode();
  net_set_mode(mode | NET_FLUSH_BITS);
#endif
  net_layers(x, y);
#ifdef NET_FLUSH
  net_set_mode(mode);
#endif
  net_finish(y);
}
