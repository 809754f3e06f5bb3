/* Files of the computer that emulates. Arm, "Semihosting for AArch32 and AArch64", release 2023Q3. */
#ifndef SEMIHOSTING_H
#define SEMIHOSTING_H

#include <stdint.h>

enum { SYS_OPEN = 0x01, SYS_WRITE = 0x05, SYS_READ = 0x06, SYS_EXIT_EXTENDED = 0x20 };
enum { OPEN_READ_BINARY = 1, OPEN_WRITE_BINARY = 5 };
enum { APPLICATION_EXIT = 0x20026 };
enum { EXIT_OK = 0, EXIT_FILE = 3, EXIT_PARTIAL_WINDOW = 4, EXIT_FAULT = 5 };

static inline uint32_t semihost(uint32_t operation, const uint32_t *parameters) {
  register uint32_t r0 __asm__("r0") = operation;
  register const uint32_t *r1 __asm__("r1") = parameters;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

static inline void leave(uint32_t code) {
  const uint32_t parameters[2] = {APPLICATION_EXIT, code};
  for (;;) semihost(SYS_EXIT_EXTENDED, parameters);
}

#endif
