"""The int8 net in JAX: compiled, batched, and byte for byte what ``export.integer`` and ONNX Runtime compute.

Sums are taken in float32 where every partial sum is below 2²⁴, which is exact in any order, and in 32-bit integers
elsewhere. What would not be exact is kept out of the compiler's hands: scales are divided before it sees them, and the
one division left is kept from becoming a product with a reciprocal, which gives another byte once in a million.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from export import exact_mel_jax, integer
from export import steps as s
from export.exact_mel import exact_mel
from export.graph import OUTPUT
from export.int8 import ENTERED
from export.integer import Grid, Int8Net, Layer, Linear, Mean
from export.steps import Floats
from export.trace import Tensors, suffix

Numbers = dict[str, Any]
Traced = dict[str, Array]
_EXACT_IN_FLOAT32 = 2**24


def tracer(net: Int8Net) -> Callable[[Floats], Tensors]:
    """A compiled function: windows (batch, time, channels) → every integer tensor by name, and the logits.

    The float steps in front run in NumPy, as ``integer.enter`` does them, but for a ``LogMel``, which runs in JAX: the
    net of integers begins behind them.
    """
    numbers = _numbers(net)
    run = jax.jit(partial(_run, net))

    def traced(values: Floats) -> Tensors:
        found = run(numbers, _entering(net.front, values))
        return {name: np.asarray(array) for name, array in found.items()}

    return traced


def tracer_entered(net: Int8Net) -> Callable[[integer.Bytes], Tensors]:
    """As ``tracer``, of the bytes (batch, channels, time) that enter the integer layers."""
    numbers = _numbers(net)
    run = jax.jit(partial(_layers, net))
    return lambda entered: {name: np.asarray(array) for name, array in run(numbers, entered).items()}


def entered(entry: integer.Entry, values: Floats) -> integer.Bytes:
    """The bytes (batch, channels * copies, time) that ``entry`` makes of floats (batch, channels, time)."""
    numbers: Numbers = {**_grid(entry.grid), "offsets": entry.offsets}
    return np.asarray(jax.jit(partial(_enter, entry.copies))(numbers, values))


def logits(net: Int8Net, values: Floats, chunk: int = 256) -> Floats:
    """Logits (batch, classes) of windows (batch, time, channels); as ``integer.logits``, compiled."""
    run = tracer(net)
    return np.concatenate([run(values[at : at + chunk])[OUTPUT] for at in range(0, len(values), chunk)])


def _entering(front: s.Steps, values: Floats) -> Floats:
    """As ``integer.enter``, with a ``LogMel`` in JAX."""
    heard = next((at for at, step in enumerate(front) if isinstance(step, s.LogMel)), None)
    if heard is None:
        return integer.enter(front, values)
    step = front[heard]
    assert isinstance(step, s.LogMel)
    before = integer.run_front(front[:heard], values)
    return integer.enter(front[heard + 1 :], exact_mel_jax.apply(exact_mel(step), before))


def _numbers(net: Int8Net) -> list[Numbers]:
    """The arrays of the entry, then of each layer, then of the exit."""
    entry: Numbers = {**_grid(net.entry.grid), "offsets": net.entry.offsets}
    return [entry, *map(_of_layer, net.layers), _grid(net.exit) if net.exit else {}]


def _grid(grid: Grid) -> Numbers:
    return {"scale": np.float32(grid.scale), "zero": np.int32(grid.zero)}


def _of_layer(layer: Layer) -> Numbers:
    if not isinstance(layer, Linear | Mean):
        return {}
    share = layer.weight_scale[:, None] if isinstance(layer, Linear) else 1 / np.float32(layer.length)
    unit = integer.product(layer.source, share)
    found: Numbers = {"source_zero": np.int32(layer.source.zero), "unit": unit}
    if isinstance(layer, Linear):
        found |= {"weights": layer.weights, "bias": layer.bias[:, None]}
    if layer.target is not None:
        found |= {"factor": unit / layer.target.scale, "zero": np.int32(layer.target.zero)}
    return found


def _run(net: Int8Net, numbers: list[Numbers], entering: Array) -> Traced:
    return _layers(net, numbers, _enter(net.entry.copies, numbers[0], jnp.asarray(entering)))


def _enter(copies: int, numbers: Numbers, values: Array) -> Array:
    batch, channels, time = values.shape
    if copies > 1:
        values = (values[:, :, None, :] + numbers["offsets"][:, None]).reshape(batch, channels * copies, time)
    # Else the compiler makes x * (1 / s) of x / s.
    scale = lax.optimization_barrier(jnp.broadcast_to(numbers["scale"], values.shape))  # type: ignore[no-untyped-call]
    rounded = jnp.rint(values / scale) + numbers["zero"].astype(jnp.float32)
    return jnp.clip(rounded, 0, 255).astype(jnp.uint8)


def _layers(net: Int8Net, numbers: list[Numbers], entered: Array) -> Traced:
    found: Traced = {ENTERED: entered}
    value = entered
    for layer, own in zip(net.layers, numbers[1:-1], strict=True):
        inside, value = _apply(layer, own, value)
        found |= inside
        if value.dtype == jnp.uint8:
            found[f"{layer.name}.{suffix(layer)}"] = value
    if net.exit is not None:
        found["exit.flat"] = value = value.reshape(len(value), -1)
        value = (value.astype(jnp.int32) - numbers[-1]["zero"]).astype(jnp.float32) * numbers[-1]["scale"]
    return found | {OUTPUT: value.reshape(len(value), -1)}


def _apply(layer: Layer, numbers: Numbers, values: Array) -> tuple[Traced, Array]:
    """(tensors between what enters the layer and what leaves it, what leaves it)."""
    match layer:
        case Linear():
            return _linear(layer, numbers, values)
        case Mean(name, length, _, target):
            sums = values.astype(jnp.int32).sum(axis=2, keepdims=True) - length * numbers["source_zero"]
            return _leave(name, {} if target else {f"{name}.sums": sums}, sums, numbers, target)
        case s.MaxPool(_, size):
            batch, channels, time = values.shape
            kept = values[:, :, : time // size * size]
            return {}, kept.reshape(batch, channels, -1, size).max(axis=3)
        case s.Transpose():
            return {}, values.transpose(0, 2, 1)
        case s.Flatten():
            return {}, values.reshape(len(values), -1, 1)


def _linear(layer: Linear, numbers: Numbers, values: Array) -> tuple[Traced, Array]:
    name = layer.name
    found: Traced = {}
    centred = values.astype(jnp.int32) - numbers["source_zero"]
    width = ((0, 0), (0, 0), layer.pads)
    if layer.circular:
        found[f"{name}.wrapped"] = jnp.pad(values, width, mode="wrap")
    padded = jnp.pad(centred, width, mode="wrap" if layer.circular else "constant")
    bare = _convolve(padded, numbers["weights"], layer)
    sums = bare + numbers["bias"]
    if layer.target is None:
        found |= {f"{name}.sums": bare, f"{name}.biased": sums}
    return _leave(name, found, sums, numbers, layer.target)


def _convolve(values: Array, weights: Array, layer: Linear) -> Array:
    """Sums (batch, features, outputs) of padded integers (batch, channels, time), one product over shifted copies."""
    features, inside, size = layer.weights.shape
    batch, _, time = values.shape
    reach = (time - size) // layer.stride * layer.stride + 1
    kind = jnp.float32 if integer.reach(layer) < _EXACT_IN_FLOAT32 else jnp.int32
    shifts = jnp.stack([values[:, :, tap : tap + reach : layer.stride] for tap in range(size)], axis=2)
    split = shifts.reshape(batch, layer.groups, inside * size, -1).astype(kind)
    kernel = weights.reshape(layer.groups, features // layer.groups, inside * size).astype(kind)
    found = jnp.einsum("bgkt,gfk->bgft", split, kernel, precision=lax.Precision.HIGHEST, preferred_element_type=kind)
    return found.reshape(batch, features, -1).astype(jnp.int32)


def _leave(name: str, found: Traced, sums: Array, numbers: Numbers, target: Grid | None) -> tuple[Traced, Array]:
    if target is None:
        return {**found, f"{name}.flat": sums.reshape(len(sums), -1)}, sums.astype(jnp.float32) * numbers["unit"]
    zero = numbers["zero"]
    low, high = (-zero).astype(jnp.float32), (255 - zero).astype(jnp.float32)
    scaled = jnp.clip(sums.astype(jnp.float32) * numbers["factor"], low, high)
    return found, (jnp.rint(scaled).astype(jnp.int32) + zero).astype(jnp.uint8)
