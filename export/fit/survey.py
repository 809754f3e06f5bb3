"""Where the coefficients of ``export.fit.cost`` come from: nets of many forms, built and run on each emulated core.

    python -m export.fit.survey cortex-m4f   # writes that core's part of coefficients.json

Every net is generated with ``arithmetic="float"`` and without SMLAD, built with the options of ``export.mcu.build`` and
runs on ``WINDOWS`` random windows; flash, RAM and the slowest window's instructions are those of
``export.mcu.measure``. Coefficients are not negative and make the relative errors of the instructions, and the absolute
errors of code and stack, least in squares. The emulator's counts repeat exactly, so does the file.
Reference: Lawson & Hanson 1974, Solving Least Squares Problems, chapter 23 (NNLS).
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

from export.c import generate
from export.fit.cost import COEFFICIENTS, Counted, counted
from export.fit.draft import draft
from export.mcu.boards import BOARDS, Board
from export.mcu.measure import Measured, measure
from export.proof import run
from nets.architectures import cnn, ds_cnn, mlp
from nets.front import with_correction
from nets.layers import BatchNorm, Conv, Dense, Flatten, GlobalAveragePool, Layers, MaxPool, Normalize, Relu
from nets.model import Model
from nets.network import initial_arrays
from slipway.spec import Channel, SensorSpec, TaskSpec

WINDOWS = 3
TIMEOUT_SECONDS = 300.0


class Surveyed(NamedTuple):
    """One net on one core."""

    name: str
    counted: Counted
    measured: Measured


def _task(name: str, units: Sequence[str], rate_hz: float, time: int, classes: int) -> TaskSpec:
    channels = [Channel(f"{'xyz'[index % 3]}_{index // 3}", unit) for index, unit in enumerate(units)]
    return TaskSpec(name, SensorSpec(tuple(channels), rate_hz, time), tuple(f"class {i}" for i in range(classes)))


MOTION = _task("motion", ["m/s2"] * 3 + ["rad/s"] * 3, 50.0, 128, 6)
RING = _task("ring", ["m"] * 24, 10.0, 1, 4)
SHORT = _task("short", ["1"] * 10, 500.0, 20, 2)
SOUND = _task("sound", ["1"], 8_000.0, 4_000, 12)


def nets() -> Iterator[tuple[str, TaskSpec, Layers]]:
    """The nets that are measured: every form of operator, small and large."""
    for width in (8, 24, 48):
        yield f"motion cnn {width}", MOTION, cnn(MOTION, widths=(width, width, 2 * width), sizes=(5, 8, 8))
        yield f"motion cnn {width} shallow", MOTION, cnn(MOTION, widths=(width, 2 * width), sizes=(7, 5))
        yield f"motion ds_cnn {width}", MOTION, ds_cnn(MOTION, widths=(width, width, 2 * width), sizes=(5, 8, 8))
        yield f"motion mlp {width}", MOTION, mlp(MOTION, widths=(width, width))
    yield "motion cnn odd", MOTION, cnn(MOTION, widths=(10, 14, 18), sizes=(4, 6, 3))
    yield "motion ds_cnn deep", MOTION, ds_cnn(MOTION, widths=(16, 24, 24, 32), sizes=(5, 5, 5, 5))
    yield "motion cnn hidden", MOTION, cnn(MOTION, widths=(16, 16), sizes=(5, 5), hidden=(32,))
    for front in ("norms", "gravity", "spectral"):
        yield f"motion {front}", MOTION, cnn(MOTION, widths=(16, 24), sizes=(5, 5), front=front)
        yield f"motion ds {front}", MOTION, ds_cnn(MOTION, widths=(12, 20), sizes=(3, 5), front=front)
    for width in (8, 24):
        yield f"ring cnn {width}", RING, cnn(RING, widths=(width, width), sizes=(1, 3), hidden=(64,))
        yield f"ring ds_cnn {width}", RING, ds_cnn(RING, widths=(width, width), sizes=(1, 3), hidden=(64,))
        yield f"ring mlp {width}", RING, mlp(RING, widths=(4 * width, 2 * width))
        yield f"short cnn {width}", SHORT, cnn(SHORT, widths=(width, width), sizes=(3, 3))
        yield f"short ds_cnn {width}", SHORT, ds_cnn(SHORT, widths=(width, width), sizes=(3, 3))
        yield f"sound ds_cnn {width}", SOUND, ds_cnn(SOUND, widths=(width, width), sizes=(5, 5))
    yield "sound cnn", SOUND, cnn(SOUND, widths=(16, 24, 32), sizes=(5, 8, 8))
    yield "motion strided", MOTION, (Normalize(), *_blocks(Conv(16, 5, 2), Conv(24, 5, 2)), *_end())
    for groups in (2, 4, 8):
        layers = (Normalize(), *_blocks(Conv(16, 5, 2), Conv(4 * groups, 3 + groups, groups=groups)), *_end())
        yield f"motion grouped {groups}", MOTION, layers
    yield "motion bare", MOTION, (*_blocks(Conv(12, 8, 4)), *_end())
    yield "motion pooled by 4", MOTION, (Normalize(), *_blocks(Conv(20, 6)), MaxPool(4), *_blocks(Conv(20, 6)), *_end())
    yield "motion flat", MOTION, (Normalize(), *_blocks(Conv(12, 8, 4)), Flatten(), Dense(24), Relu(), Dense(6))
    for layers in (cnn(MOTION, widths=(16, 16), sizes=(5, 5)), mlp(MOTION, widths=(16,))):
        start = Model(MOTION, layers, initial_arrays(layers, MOTION.sensor.window_shape, 0))
        yield f"motion corrected {len(layers)}", MOTION, with_correction(start).layers


def _blocks(*convolutions: Conv) -> Layers:
    return tuple(layer for one in convolutions for layer in (one, BatchNorm(), Relu()))


def _end() -> Layers:
    return (GlobalAveragePool(), Dense(6))


def survey(board: Board, made: Sequence[tuple[str, TaskSpec, Layers]]) -> list[Surveyed]:
    """Build and run nets on a core.

    Raises:
        Refused: as ``export.mcu.measure.measure``.
    """
    return [Surveyed(name, *_surveyed(board, task, layers)) for name, task, layers in made]


def _surveyed(board: Board, task: TaskSpec, layers: Layers) -> tuple[Counted, Measured]:
    graph = draft(task, layers)
    values = np.random.default_rng(0).standard_normal((WINDOWS, *task.sensor.window_shape)).astype(np.float32)
    files = generate(graph).files
    found = measure(files, "model", board, values, run(graph, values), timeout_seconds=TIMEOUT_SECONDS)
    return counted(graph), found


def fitted(found: Sequence[Surveyed]) -> dict[str, dict[str, float]]:
    """The coefficients that explain what was measured."""
    exact = [one.counted for one in found]
    code = [one.measured.flash_bytes - one.counted.weight_bytes - one.counted.adapter_bytes for one in found]
    stack = [one.measured.ram_bytes - one.counted.arena_bytes - one.counted.face_bytes for one in found]
    instructions = [one.measured.instructions for one in found]
    return {
        "code": _least([one.parts for one in exact], code, np.ones(len(found))),
        "stack": _least([one.depth for one in exact], stack, np.ones(len(found))),
        "instructions": _least([one.work for one in exact], instructions, 1 / np.array(instructions)),
    }


def _least(
    counts: Sequence[Mapping[str, int]], wanted: Sequence[int], weights: "np.ndarray[tuple[int], np.dtype[np.float64]]"
) -> dict[str, float]:
    names = sorted({name for one in counts for name in one})
    table = np.array([[one.get(name, 0) for name in names] for one in counts], float)
    spread = np.abs(table * weights[:, None]).max(0)  # columns of like size: the counts differ by a million
    found, _ = nnls(table * weights[:, None] / spread, np.array(wanted) * weights)
    return {name: round(float(value), 4) for name, value in zip(names, found / spread, strict=True)}


def main(cores: Sequence[str], file: Path = COEFFICIENTS) -> None:
    """Survey cores and write their coefficients."""
    for core in cores:
        found = fitted(survey(BOARDS[core], list(nets())))
        table = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        file.write_text(json.dumps({**table, core: found}, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:] or list(BOARDS))
