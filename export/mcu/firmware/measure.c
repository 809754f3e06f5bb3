/* Runs every window of windows.bin through RUN. Writes to answers.bin for each its answer and the timer's ticks,
   then once: how many, the ticks of an empty call, the peak of the stack and the arena in bytes. */
#include "semihosting.h"

#define TIMER ((volatile uint32_t *)TIMER_ADDRESS) /* control, value, reload */

extern uint32_t stack_low[], stack_high[];

static float window[WINDOW_FLOATS];
static struct {
  float answer[ANSWER_FLOATS];
  uint32_t ticks;
} record;

static uint32_t file(const char *name, uint32_t length, uint32_t mode) {
  const uint32_t parameters[3] = {(uint32_t)name, mode, length};
  const uint32_t handle = semihost(SYS_OPEN, parameters);
  if (handle == UINT32_MAX) leave(EXIT_FILE);
  return handle;
}

/* How many of the bytes were not moved. */
static uint32_t move(uint32_t operation, uint32_t handle, void *data, uint32_t length) {
  const uint32_t parameters[3] = {handle, (uint32_t)data, length};
  return semihost(operation, parameters);
}

static void save(uint32_t handle, void *data, uint32_t length) {
  if (move(SYS_WRITE, handle, data, length) != 0) leave(EXIT_FILE);
}

__attribute__((noinline)) static void nothing(const float *values, float *answer) {
  __asm__ volatile("" : : "r"(values), "r"(answer) : "memory");
}

/* Inlined into both callers, so that the two measure the same instructions around the call. */
__attribute__((always_inline)) static inline uint32_t ticks(void (*run)(const float *, float *)) {
  const uint32_t before = TIMER[1];
  run(window, record.answer);
  return before - TIMER[1]; /* it counts down */
}

static uint32_t stack_peak(void) {
  const uint32_t *deepest = stack_low;
  while (deepest < stack_high && *deepest == STACK_PAINT) deepest++;
  return (uint32_t)(stack_high - deepest) * 4u;
}

int main(void) {
  const uint32_t windows = file("windows.bin", 11, OPEN_READ_BINARY);
  const uint32_t answers = file("answers.bin", 11, OPEN_WRITE_BINARY);
  TIMER[2] = TIMER[1] = UINT32_MAX;
  TIMER[0] = 1;
  uint32_t last[4] = {0, ticks(nothing), 0, ARENA};
  RUN(window, record.answer); /* what is done once, as choosing the adapter's slot, is no part of an inference */
  for (;;) {
    const uint32_t missing = move(SYS_READ, windows, window, sizeof window);
    if (missing == sizeof window) break;
    if (missing != 0) leave(EXIT_PARTIAL_WINDOW);
    record.ticks = ticks(RUN);
    save(answers, &record, sizeof record);
    last[0]++;
  }
  last[2] = stack_peak();
  save(answers, last, sizeof last);
  return EXIT_OK;
}
