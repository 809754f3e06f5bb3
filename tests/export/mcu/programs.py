"""Small programs with the face of a generated net, written by hand: what the board does to them is known."""

import numpy as np
import pytest

from export.mcu.tools import missing

needs_tools = pytest.mark.skipif(bool(missing()), reason=f"not installed: {', '.join(missing())}")

TIME, CHANNELS, CLASSES = 4, 3, 2
WEIGHTS = np.array([[3, -5, 7], [-2, 11, -13]], np.int8)

_HEADER = f"""
#define TOY_WINDOW_LENGTH {TIME}
#define TOY_CHANNELS {CHANNELS}
#define TOY_CLASSES {CLASSES}
#define TOY_ARENA_BYTES 48
extern const signed char toy_weights[{CLASSES}][{CHANNELS}];
void toy_run(const float *window, float *logits);
"""

_NET = """
#include "toy.h"
static float arena[TOY_ARENA_BYTES / 4];
void toy_run(const float *window, float *logits) {
  for (int index = 0; index < 12; index++) arena[index] = window[index] * 0.1f + 1.0f;
  for (int label = 0; label < TOY_CLASSES; label++) {
    logits[label] = 0;
    for (int index = 0; index < 12; index++) logits[label] += arena[index] * toy_weights[label][index % 3];
  }
}
"""


def toy(run: str = _NET, weights: np.ndarray = WEIGHTS, head: str = "") -> dict[str, bytes]:
    """The files of a net of one dense layer; ``run`` replaces its C file, ``head`` goes before it."""
    rows = ", ".join("{" + ", ".join(map(str, row)) + "}" for row in weights)
    table = f'#include "toy.h"\nconst signed char toy_weights[{CLASSES}][{CHANNELS}] = {{{rows}}};\n'
    return {"toy.h": _HEADER.encode(), "toy.c": (head + run).encode(), "toy_weights.c": table.encode()}


def body(statements: str) -> str:
    """A net that does only this."""
    return f'#include "toy.h"\nvoid toy_run(const float *window, float *logits) {{\n{statements}\n}}\n'


def answers(windows: np.ndarray) -> np.ndarray:
    """What ``toy`` gives: every operation in float32, in the order of the C file."""
    arena = windows.reshape(len(windows), -1) * np.float32(0.1) + np.float32(1)
    found = np.zeros((len(windows), CLASSES), np.float32)
    for index in range(TIME * CHANNELS):
        found += arena[:, index : index + 1] * WEIGHTS[:, index % CHANNELS].astype(np.float32)
    return found


def windows(count: int) -> np.ndarray:
    """Random windows, by seed."""
    return np.random.default_rng(0).normal(size=(count, TIME, CHANNELS)).astype(np.float32)
