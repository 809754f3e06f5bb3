"""LiteRT beside ONNX Runtime and TensorFlow Lite for Microcontrollers beside our C, on the int8 nets of the five tasks.

The nets and windows are those of ``benchmarks.microcontroller``. Time is of one window on one thread, the runtimes in
turns in one process; it includes what each binding of Python costs. The arena of the microcontrollers' runtime is the
bare integer file's: its head, tensors and scratch, as in ``benchmarks._tflite_micro``, but here for rings as well.
"""

import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import jax
import numpy as np
import onnxruntime

from benchmarks._tflite_micro import has_tflm
from benchmarks.int8 import _record
from benchmarks.microcontroller import TASKS, model
from export.c import generate
from export.calibration import quantize
from export.folding import fold
from export.graph import to_bytes
from export.int8 import int8_onnx
from export.litert import Runner, missing
from export.litert.convert import tflite
from export.litert.layers import leaving
from export.steps import INEXACT, Floats
from sim.catalog import WORLDS
from sim.generate import windows as simulated

WINDOWS = 200
ROUNDS, RUNS = 60, 20  # turns, and windows in a row of one runtime before the other's turn
_ARENA = """
import sys
from tflite_micro import runtime
interpreter = runtime.Interpreter.from_file(sys.argv[1], arena_size=1 << 22)
interpreter.print_allocations()
"""


def run() -> list[dict]:
    """Time, file size and arena of each task's net."""
    if absent := missing():
        print(f"litert: not installed: {', '.join(absent)}", file=sys.stderr)
        return []
    return [record for task, world in TASKS.items() for record in _task(task, world)]


def _task(task: str, world: str) -> list[dict]:
    made = model(WORLDS[world].task)
    windows = simulated(WORLDS[world], jax.random.key(0), WINDOWS)[0]
    steps, shape = fold(made), made.task.sensor.window_shape
    net = quantize(steps, windows).net
    graph, file = to_bytes(int8_onnx(net, made.task)), tflite(steps, shape, net)
    litert_us, onnx_us = _medians_us([_litert(file, windows[:1]), _onnx(graph, windows[:1])])
    found = [
        _record(f"litert_{task}_latency", litert_us, "us per window", onnx_us),
        _record(f"litert_{task}_size", len(file), "bytes", len(graph)),
    ]
    if has_tflm() and not any(isinstance(step, INEXACT) for step in net.front):  # else our arena holds a spectrum too
        head = _head_bytes(tflite(steps, shape, net, leaving(net, windows)))
        found.append(_record(f"mcu_{task}_arena_beside_tflm", generate(graph).arena_bytes, "bytes", head))
    return found


def _litert(file: bytes, window: Floats) -> Callable[[], object]:
    runner = Runner(file)
    return lambda: runner(window)


def _onnx(graph: bytes, window: Floats) -> Callable[[], object]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(["logits"], {"window": window})


def _medians_us(runtimes: list[Callable[[], object]]) -> list[float]:
    seconds: list[list[float]] = [[] for _ in runtimes]
    for _ in range(ROUNDS):
        for once, found in zip(runtimes, seconds, strict=True):
            start = time.perf_counter()
            for _ in range(RUNS):
                once()
            found.append((time.perf_counter() - start) / RUNS)
    return [float(np.median(found) * 1e6) for found in seconds]


def _head_bytes(file: bytes) -> int:
    """In a process of its own: the wheel tells it on the streams of the process only."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "net.tflite"
        path.write_bytes(file)
        done = subprocess.run([sys.executable, "-c", _ARENA, str(path)], capture_output=True, text=True, check=True)
    found = re.search(r"Arena allocation head (\d+) bytes", done.stdout + done.stderr)
    assert found is not None, done.stderr
    return int(found[1])
