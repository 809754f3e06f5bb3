"""Bytes that a scope's change takes on a device whose net is int8."""

from collections.abc import Iterator

import numpy as np

from adapters.scopes.lora import PREFIX, matrix_shape
from adapters.scopes.scope import Arrays, Scope
from nets.layers import BatchNorm, Conv, Dense
from nets.model import Model

FLOAT32, INT32, INT8 = 4, 4, 1  # bytes of a number

# What must travel when an array changes, with the int8 grid frozen. A weight is a whole number times its feature's
# scale, so a gain is a change of that scale, and of the bias that is counted in its units.
_SHIFT = frozenset({"bias"})
_GAIN = frozenset({"scale", "bias"})
_WEIGHTS = frozenset({"weights", "scale", "bias"})
_PARTS = {"mean": _SHIFT, "offset": _SHIFT, "bias": _SHIFT, "variance": _GAIN, "scale": _GAIN, "kernel": _WEIGHTS}


def int8_bytes(scope: Scope, model: Model) -> int:
    """Bytes that ``scope``'s change of ``model`` takes after int8 export, every number in it counted as changed.

    The grids of the activations stay. What comes before the int8 net stays float32: input statistics and the sensor's
    numbers. A batch normalisation is folded into the layer in front of it, so statistics, affine numbers, biases and
    FiLM are a float32 scale and an int32 bias for each of its features and never a weight (as long as no gain changes
    its sign). A changed kernel is its int8 weights, scales and biases; one of low rank may travel as float32 factors
    instead of weights where that is less.
    """
    model = scope.prepared(model)
    names, factors = scope.names(model), _factors(scope, model)
    learned = set(factors)
    parts: dict[int, frozenset[str]] = {}
    total = sum(factors[name].size * FLOAT32 for name in learned if name.startswith("sensor."))
    for index, name in _split(names):
        layer = model.layers[index]
        if isinstance(layer, BatchNorm):
            folded = index - 1 if index and isinstance(model.layers[index - 1], Conv | Dense) else index
            parts[folded] = parts.get(folded, frozenset()) | _PARTS[name]
        elif isinstance(layer, Conv | Dense):
            gained = name == "kernel" and f"film.{index}.gain" in learned
            parts[index] = parts.get(index, frozenset()) | (_GAIN if gained else _PARTS[name])
        elif not any(one.startswith("sensor.") and one.split(".")[2] == str(index) for one in learned):
            total += model.arrays[f"{index}.{name}"].size * FLOAT32
    return total + sum(_layer_bytes(model, index, changed, factors) for index, changed in parts.items())


def _layer_bytes(model: Model, index: int, changed: frozenset[str], factors: Arrays) -> int:
    kernel = model.arrays.get(f"{index}.kernel", model.arrays.get(f"{index}.scale"))
    assert kernel is not None
    inputs, features = matrix_shape(kernel)
    weights = inputs * features * INT8
    low = [factors[name].size for name in factors if name.startswith(f"{PREFIX}{index}.")]
    each = {"weights": min(weights, sum(low) * FLOAT32) if low else weights}
    return sum(each.get(part, features * (FLOAT32 if part == "scale" else INT32)) for part in changed)


def _factors(scope: Scope, model: Model) -> Arrays:
    random = np.random.default_rng(0)
    return {name: array for factors in scope.factors for name, array in factors.initial(model, random).items()}


def _split(names: frozenset[str]) -> Iterator[tuple[int, str]]:
    for name in sorted(names):
        index, array = name.split(".")
        yield int(index), array
