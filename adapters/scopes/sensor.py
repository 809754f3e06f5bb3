"""The sensor itself: how the device is mounted, and the gain, bias and lag of its channels."""

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import Array

from adapters.scopes.scope import Arrays, Factors, Scope
from adapters.sensor.fault import correction, lagging_groups
from nets.front import vectors_of, with_correction
from nets.layers import Correct
from nets.model import Model
from nets.network import SensorCorrection, names_of

ROTATION, GAIN, BIAS, LAG = "sensor.rotation", "sensor.gain", "sensor.bias", "sensor.lag"


def sensor() -> Scope:
    """A dozen numbers with a meaning, in a layer in front of the net; no weight is touched.

    They are the device's faults (``adapters.sensor.fault``), and the layer ``Correct`` undoes them: one rotation vector
    of the whole device where there are channels x, y, z; the logarithm of each channel's gain; each channel's bias, in
    deviations where the net normalises the raw channels, else in the channel's unit; and the lag, in samples, of every
    group of channels but the first. A model that has the layer already keeps what it does, behind the new numbers.
    """
    return Scope("sensor", _made, with_correction, (Factors(_made, _initial, _merge),))


def _made(model: Model) -> frozenset[str]:
    """The layer's arrays; not the delay where nothing can lag behind anything."""
    names, lagging = names_of(model.layers, model.arrays, SensorCorrection), lagging_groups(model.task.sensor)
    return frozenset(name for name in names if lagging or not name.endswith(".delay"))


def _initial(model: Model, random: np.random.Generator) -> Arrays:
    found: dict[str, npt.NDArray[np.float32]] = {}
    for index in _places(model):
        channels = len(model.arrays[f"{index}.offset"])
        vectors = vectors_of(model.task.sensor)
        if vectors:
            found[_named(f"{ROTATION}.{index}", *vectors)] = np.zeros(3, np.float32)
        found[f"{GAIN}.{index}"] = np.zeros(channels, np.float32)
        found[f"{BIAS}.{index}"] = np.zeros(channels, np.float32)
        for group in lagging_groups(model.task.sensor):
            found[_named(f"{LAG}.{index}", group)] = np.zeros((), np.float32)
    return found


def _places(model: Model) -> list[int]:
    return [index for index, layer in enumerate(model.layers) if isinstance(layer, Correct)]


def _named(name: str, *groups: tuple[int, ...]) -> str:
    """Which channels a number is about stands in its name, where a compiled program can read it."""
    return ".".join([name, *("_".join(map(str, group)) for group in groups)])


def _channels(name: str) -> list[tuple[int, ...]]:
    return [tuple(map(int, group.split("_"))) for group in name.split(".")[3:]]


def _merge(arrays: Mapping[str, Array]) -> dict[str, Array]:
    merged = dict(arrays)
    for name in arrays:
        if name.startswith(GAIN + "."):
            merged |= _corrected(arrays, name.split(".")[2])
    return merged


def _corrected(arrays: Mapping[str, Array], index: str) -> dict[str, Array]:
    log_gain = jnp.asarray(arrays[f"{GAIN}.{index}"])
    unit = arrays.get(f"{int(index) + 1}.deviation", log_gain)
    bias = jnp.asarray(arrays[f"{BIAS}.{index}"]) * (unit if unit.shape == log_gain.shape else 1.0)
    rotation, vectors, lag = jnp.zeros(3), [], jnp.zeros_like(log_gain)
    for name, number in arrays.items():
        if name.startswith(f"{ROTATION}.{index}."):
            rotation, vectors = jnp.asarray(number), _channels(name)
        elif name.startswith(f"{LAG}.{index}."):
            lag = lag.at[jnp.asarray(_channels(name)[0])].set(number)
    matrix, offset, delay = correction(rotation, log_gain, bias, lag, tuple(vectors))
    # Behind the new numbers stays what the layer did before them; with identity on either side no bit changes.
    before = jnp.asarray(arrays[f"{index}.matrix"])
    return {
        f"{index}.matrix": jnp.matmul(matrix, before, precision="highest"),
        f"{index}.offset": jnp.matmul(offset, before, precision="highest") + arrays[f"{index}.offset"],
        f"{index}.delay": delay + arrays[f"{index}.delay"],
    }
