/* From reset to main: memory and its protection, the floating-point unit, and paint on the stack for its peak. */
#include "semihosting.h"

extern uint32_t stack_low[], stack_high[], data_stored[], data_start[], data_end[], bss_start[], bss_end[];
int main(void);
void reset(void);

#define COPROCESSOR_ACCESS (*(volatile uint32_t *)0xE000ED88u)
#define MPU ((volatile uint32_t *)0xE000ED90u) /* type, control, number, base, attributes and size */
#define READ_ONLY (6u << 24)
#define READ_WRITE (3u << 24)
#define NEVER_EXECUTE (1u << 28)
#define REGION(bytes) (((31u - (uint32_t)__builtin_clz(bytes) - 1u) << 1) | 1u) /* of a power of two bytes */

/* Needs no stack: that may be what went wrong. */
static void fault(void) {
  static const uint32_t parameters[2] = {APPLICATION_EXIT, EXIT_FAULT};
  for (;;) semihost(SYS_EXIT_EXTENDED, parameters);
}

typedef void (*handler)(void);
__attribute__((section(".vectors"), used)) static const handler vectors[16] = {
    (handler)stack_high, reset, fault, fault, fault, fault, fault, fault,
    fault, fault, fault, fault, fault, fault, fault, fault};

/* The net may read flash, change RAM and read the timer; all else faults, where this emulator would say nothing.
   Arm DDI 0403E, "Protected Memory System Architecture, PMSAv7". */
static void protect(void) {
  static const uint32_t regions[3][2] = {
      {FLASH_ORIGIN, READ_ONLY | REGION(FLASH_SIZE)},
      {RAM_ORIGIN, READ_WRITE | NEVER_EXECUTE | REGION(RAM_SIZE)},
      {TIMER_ADDRESS, READ_WRITE | NEVER_EXECUTE | REGION(4096)}};
  for (uint32_t index = 0; index < 3; index++) {
    MPU[2] = index;
    MPU[3] = regions[index][0];
    MPU[4] = regions[index][1];
  }
  MPU[1] = 1;
  __asm__ volatile("dsb\n\tisb");
}

static void paint(void) {
  uint32_t *top;
  __asm__ volatile("mov %0, sp" : "=r"(top));
  for (volatile uint32_t *word = stack_low; word < top; word++) *word = STACK_PAINT;
}

void reset(void) {
#if defined(__ARM_FP)
  COPROCESSOR_ACCESS |= 0xFu << 20;
  __asm__ volatile("dsb\n\tisb");
#endif
  for (uint32_t index = 0; &data_start[index] < data_end; index++) data_start[index] = data_stored[index];
  for (volatile uint32_t *word = bss_start; word < bss_end; word++) *word = 0;
  protect();
  paint();
  leave((uint32_t)main());
}
