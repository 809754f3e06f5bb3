"""How much of the machine's matrix-product peak a training step uses.

The network is the 1-D CNN of the AdaTime benchmark: 9 channels × 128 samples, three convolutions, 200 k parameters, 6
classes, batch 64, trained by the loop every job uses: whole epochs in one scan, batches drawn on the device, batch
normalisation, Adam.
"""

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from nets.architectures import cnn
from nets.epoch import Batch, Program, Setting, State, compiled
from nets.layers import Conv, Dense, Layers, shapes
from nets.losses import cross_entropy
from nets.network import Network, initial_arrays, names_of
from nets.windows import Windows, place
from slipway.spec import Channel, SensorSpec, TaskSpec

BATCH_SIZE = 64
WINDOWS = 2560  # 40 steps an epoch
PEAK_SIZE = 2048  # rows and columns of the matrices that measure the peak
ROUNDS = 12  # epochs and products in turn, so that both meet the same machine

TASK = TaskSpec(
    "har",
    SensorSpec(tuple(Channel(f"channel_{i}", "1") for i in range(9)), 50.0, 128),
    ("walk", "up", "down", "sit", "stand", "lie"),
)


def run() -> list[dict[str, Any]]:
    """The share of the peak against the aim, then speed and time against the peak's."""
    layers = cnn(TASK)
    epoch, steps = _epoch(layers)
    product = _product()
    epoch_seconds, product_seconds = [], []
    for _ in range(ROUNDS):
        epoch_seconds.append(_seconds(epoch))
        product_seconds.append(min(_seconds(product) for _ in range(4)))
    step_seconds = min(epoch_seconds) / steps
    achieved = step_flop(layers) / step_seconds
    peak = 2 * PEAK_SIZE**3 / min(product_seconds)
    share = achieved / peak
    ideal_ms = step_flop(layers) / peak * 1e3
    return [
        _record("train_step_peak_share", share, "1", 0.8),
        _record("train_step_speed", achieved / 1e9, "GFLOP/s", peak / 1e9),
        _record("train_step_time", step_seconds * 1e3, "ms", ideal_ms),
    ]


def _record(name: str, value: float, unit: str, reference: float) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "reference": reference, "ratio": value / reference}


def step_flop(layers: Layers) -> float:
    """Floating-point operations of one step: two for each multiply-add of a convolution or dense layer.

    Each counts once forward, once for the gradient of its kernel and once for that of its input; the input of the first
    one needs no gradient. Everything else (normalisation, pooling, optimizer) counts nothing.
    """
    found = shapes(layers, TASK.sensor.window_shape)
    total, first = 0, True
    for layer, shape, out in zip(layers, found[:-1], found[1:], strict=True):
        if isinstance(layer, Conv | Dense):
            taps = layer.size * shape[-1] // layer.groups if isinstance(layer, Conv) else shape[-1]
            total += 2 * int(np.prod(out)) * taps * (2 if first else 3)
            first = False
    return float(total * BATCH_SIZE)


def _loss(network: Network, batch: Batch, key: jax.Array) -> jax.Array:
    return cross_entropy(network(batch.groups["source"].values, True), batch.groups["source"].labels)


def _epoch(layers: Layers) -> tuple[Callable[[], Any], int]:
    """One epoch of the training loop, ready to run, and its number of steps."""
    random = np.random.default_rng(0)
    arrays = {name: jnp.asarray(array) for name, array in initial_arrays(layers, TASK.sensor.window_shape, 0).items()}
    trainable = names_of(layers, arrays, nnx.Param)
    values = random.standard_normal((WINDOWS, *TASK.sensor.window_shape), np.float32)
    windows = place(Windows(values, random.integers(0, 6, WINDOWS).astype(np.int32)))
    learned = {name: arrays[name] for name in trainable}
    optimizer = optax.adam(1e-3)
    steps = len(windows[0].values) // BATCH_SIZE
    program = compiled(Program(layers, _loss, optimizer.update, trainable, BATCH_SIZE, steps))
    state, setting = State(arrays, optimizer.init(learned)), Setting({"source": windows}, {}, learned, jnp.int32(steps))
    return lambda: program(state, setting, jnp.int32(0), jax.random.key(0)), steps


def _product() -> Callable[[], Any]:
    matrix = jnp.asarray(np.random.default_rng(0).standard_normal((PEAK_SIZE, PEAK_SIZE), np.float32))
    multiply = jax.jit(jnp.matmul)
    return lambda: multiply(matrix, matrix)


def _seconds(call: Callable[[], Any]) -> float:
    jax.block_until_ready(call())
    started = time.perf_counter()
    jax.block_until_ready(call())
    return time.perf_counter() - started
