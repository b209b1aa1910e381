/* Start of a program on a Cortex-M, and its end: the exit code of the emulator is that of main. */
int main(void);
static void end(unsigned long code) {
  unsigned long block[2];
  block[0] = 0x20026ul; /* ADP_Stopped_ApplicationExit */
  block[1] = code;
  __asm__ volatile("mov r0, #0x20\n mov r1, %0\n bkpt 0xab" : : "r"(block) : "r0", "r1", "memory");
}
void reset(void);
void reset(void) {
#ifdef __ARM_FP
  *(volatile unsigned long*)0xe000ed88ul |= 0xful << 20; /* CPACR: enable the floating-point unit */
  __asm__ volatile("dsb\n isb");
#endif
  end((unsigned long)main());
}
static void fault(void) { end(99); }
__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void))0x200000ul, reset, fault, fault, fault, fault, fault};
