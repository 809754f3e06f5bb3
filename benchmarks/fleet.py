"""How long a fleet takes: statistics for a thousand devices, gradients for a hundred, and the memory that either needs.

The network is the 200 k parameter CNN on wearable-sized windows, 64 samples of 6 channels, about 250 windows a device.
One window's forward pass is 8.6 MFLOP, so the statistics of a thousand devices are 2.1 TFLOP, and a gradient run of 400
steps of 64 windows 0.44 TFLOP a device: the second record of each kind says which share of the machine's measured
matrix-product peak was reached.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from adapters.engine import Adapted, adapt
from adapters.fleet.fleet import Device, adapt_fleet
from adapters.options import Options
from nets.architectures import cnn
from nets.layers import Conv, Dense, Layers, shapes
from nets.model import Model
from nets.network import initial_arrays
from service.domain import AdaptSpec, Outcome
from service.worker.context import Context, StoredWindows
from service.worker.pipelines.adapt import adapt as adapt_job
from service.worker.pipelines.sample import Sample, encode
from slipway.spec import Channel, SensorSpec, TaskSpec

STATISTICS_DEVICES, STATISTICS_AIM_SECONDS, STATISTICS_BATCH = 1000, 5.0, 8
AFFINE_DEVICES, AFFINE_AIM_RATIO, AFFINE_BATCH = 100, 0.1, 100
AFFINE_STEPS = 40  # a tenth of the default, so that a hundred devices end in minutes; both sides make as many
LARGEST = 256  # windows of a device
PEAK_SIZE = 2048  # rows and columns of the matrices that measure the peak
SMALL_FLEET, LARGE_FLEET = 200, 2000
JOB_DEVICES, JOB_WINDOWS, JOB_STEPS, HOME_WINDOWS = 32, 60, 100, 1000
JOB = AdaptSpec(
    base="models/wearable/versions/1",
    scope="norm_affine",
    objectives={"information_maximisation": 1.0},
    options={"steps": JOB_STEPS},
)

TASK = TaskSpec(
    "wearable",
    SensorSpec(tuple(Channel(f"channel_{i}", "1") for i in range(6)), 32.0, 64),
    ("walk", "up", "down", "sit", "stand", "lie"),
)

# Linux and macOS count ru_maxrss in KiB and in bytes.
STREAM = """
import resource, sys
from benchmarks.fleet import base, devices
from adapters.fleet.fleet import adapt_fleet
count = int(sys.argv[1])
for name, adapted in adapt_fleet(
    base((8, 16), (5, 3)), devices(count), scope="norm_statistics", objective="moments", batch=8, largest=256
):
    assert adapted.report.changed
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10))
"""


def run() -> list[dict[str, Any]]:
    """Seconds for a thousand devices' statistics, a device's share of a fleet against alone, and peak memory."""
    return [*statistics(), *affine(), *job(), *memory()]


def base(widths: tuple[int, ...] = (64, 128, 128), sizes: tuple[int, ...] = (5, 8, 8)) -> Model:
    """A network that was never trained: what it costs does not depend on what it knows."""
    layers = cnn(TASK, widths=widths, sizes=sizes)
    return Model(TASK, layers, initial_arrays(layers, TASK.sensor.window_shape, 0))


def devices(count: int) -> Iterator[Device]:
    """Devices of 244 to 256 windows, made as they are asked for."""
    random = np.random.default_rng(0)
    for index in range(count):
        size = int(random.integers(244, LARGEST + 1))
        gain = np.float32(random.uniform(0.5, 2.0))
        yield Device(str(index), random.standard_normal((size, *TASK.sensor.window_shape), np.float32) * gain)


def statistics() -> list[dict[str, Any]]:
    """``norm_statistics`` for a thousand devices, after compilation."""
    model = base()
    _fleet_seconds(model, list(devices(STATISTICS_BATCH)), STATISTICS_BATCH, "norm_statistics", "moments")
    sent = list(devices(STATISTICS_DEVICES))
    seconds = _fleet_seconds(model, sent, STATISTICS_BATCH, "norm_statistics", "moments")
    speed = forward_flop(model.layers) * sum(len(device.values) for device in sent) / seconds
    return [
        _record("fleet_statistics_1000_seconds", seconds, "s", STATISTICS_AIM_SECONDS),
        _record("fleet_statistics_speed", speed / 1e9, "GFLOP/s", peak() / 1e9),
    ]


def affine() -> list[dict[str, Any]]:
    """``norm_affine × information_maximisation``: seconds a device of the fleet over seconds of the same job alone."""
    model, sent = base(), list(devices(AFFINE_DEVICES))
    method = {"scope": "norm_affine", "objective": "information_maximisation", "options": Options(steps=AFFINE_STEPS)}
    _fleet_seconds(model, sent[:1], AFFINE_BATCH, **method)
    alone = [_alone_seconds(model, device, **method) for device in sent[:4]]  # the first one compiles
    together = _fleet_seconds(model, sent, AFFINE_BATCH, **method) / AFFINE_DEVICES
    alone += [_alone_seconds(model, device, **method) for device in sent[:3]]
    ratio = together / float(np.median(alone[1:]))  # a mean over a median: both meet what else the machine does
    speed = 2 * forward_flop(model.layers) * AFFINE_STEPS * 64 / together  # forward, and back to the input
    return [
        _record("fleet_affine_ratio", ratio, "1", AFFINE_AIM_RATIO),
        _record("fleet_affine_speed", speed / 1e9, "GFLOP/s", peak() / 1e9),
    ]


def job() -> list[dict[str, Any]]:
    """A small net's fleet job, from reading to receipts: processor seconds a device, and those of a job of one."""
    for count in (1, JOB_DEVICES):  # compiles
        run_job(count)
    alone, together = (_job_seconds(count) / count for count in (1, JOB_DEVICES))
    return [_record("fleet_job_device_seconds", together, "s", alone)]


def run_job(count: int) -> Outcome:
    """The service's job for ``count`` small devices, one for a single one: statistics and ``JOB``, gate, receipts."""
    model = base((8, 16), (5, 3))
    random = np.random.default_rng(1)
    home = random.standard_normal((HOME_WINDOWS, *TASK.sensor.window_shape), np.float32)
    sample = Sample(home, random.integers(0, len(TASK.classes), HOME_WINDOWS).astype(np.int32), None)
    files = {"model": model.to_bytes(), "source": encode(sample)}
    with tempfile.TemporaryDirectory() as folder:
        context = Context(Path(folder), lambda progress: None, lambda: False, _sent, lambda version, name: files[name])
        names = tuple(f"datasets/d{index}" for index in range(count))
        return adapt_job(replace(JOB, target=names[0]) if count == 1 else replace(JOB, targets=names), context)


def _sent(name: str) -> StoredWindows:
    """A device's windows, made as they are asked for."""
    random = np.random.default_rng(int(name.removeprefix("datasets/d")))
    gain = np.float32(random.uniform(0.5, 2.0))
    values = random.standard_normal((JOB_WINDOWS, *TASK.sensor.window_shape), np.float32) * gain
    return StoredWindows(name, TASK.sensor, TASK.classes, values, np.full(JOB_WINDOWS, -1, np.int32), "0" * 64, None)


def _job_seconds(count: int) -> float:
    started = time.process_time()
    run_job(count)
    return time.process_time() - started


def memory() -> list[dict[str, Any]]:
    """Peak resident memory of 2,000 devices over that of 200."""
    small, large = _peak_mib(SMALL_FLEET), _peak_mib(LARGE_FLEET)
    return [_record("fleet_peak_memory", large, "MiB", small)]


def forward_flop(layers: Layers) -> float:
    """Floating-point operations of one window: two for each multiply-add of a convolution or dense layer."""
    found = shapes(layers, TASK.sensor.window_shape)
    total = 0
    for layer, shape, out in zip(layers, found[:-1], found[1:], strict=True):
        if isinstance(layer, Conv | Dense):
            taps = layer.size * shape[-1] // layer.groups if isinstance(layer, Conv) else shape[-1]
            total += 2 * int(np.prod(out)) * taps
    return float(total)


def peak() -> float:
    """Floating-point operations a second of a large matrix product on this machine, now."""
    matrix = jnp.asarray(np.random.default_rng(0).standard_normal((PEAK_SIZE, PEAK_SIZE), np.float32))
    multiply = jax.jit(jnp.matmul)
    seconds = []
    for _ in range(8):
        started = time.perf_counter()
        multiply(matrix, matrix).block_until_ready()
        seconds.append(time.perf_counter() - started)
    return float(2 * PEAK_SIZE**3 / min(seconds))


def _fleet_seconds(model: Model, sent: list[Device], batch: int, scope: str, objective: str, **method: Any) -> float:
    started = time.perf_counter()
    stream = adapt_fleet(model, sent, scope=scope, objective=objective, batch=batch, largest=LARGEST, **method)
    for name, outcome in stream:
        if not isinstance(outcome, Adapted):
            raise SystemExit(f"device {name} was refused: {outcome}")
    return time.perf_counter() - started


def _alone_seconds(model: Model, device: Device, **method: Any) -> float:
    started = time.perf_counter()
    adapt(model, target_values=device.values, **method)
    return time.perf_counter() - started


def _peak_mib(count: int) -> float:
    done = subprocess.run([sys.executable, "-c", STREAM, str(count)], check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout.splitlines()[-1]))


def _record(name: str, value: float, unit: str, reference: float) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "reference": reference, "ratio": value / reference}
