"""Layer records as a Flax NNX module: the form a network has while it computes or learns."""

from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

from nets import front_math as front
from nets import layers as records
from nets import mel
from nets.convolution import convolve
from nets.layers import Layers, Shape
from nets.model import Model
from nets.normalization import batch_normalize
from slipway.spec import TaskSpec

MOMENTUM = 0.9  # share of the running batch statistics that one training step keeps


class InputStatistic(nnx.Variable[Array]):
    """Mean or deviation of a raw input channel: fixed by data, never by a gradient."""


class SensorCorrection(nnx.Variable[Array]):
    """A number of the layer ``Correct``: found for one device, never by a scope that moves the network."""


def variable_type(layer: records.Layer, name: str) -> type[nnx.Variable[Any]]:
    """What kind of number an array is: learned (Param), counted over batches (BatchStat) or over the input."""
    if isinstance(layer, records.Normalize):
        return InputStatistic
    if isinstance(layer, records.Correct):
        return SensorCorrection
    if isinstance(layer, records.BatchNorm) and name in ("mean", "variance"):
        return nnx.BatchStat
    return nnx.Param


def names_of(layers: Layers, names: Iterable[str], kind: type[nnx.Variable[Any]]) -> frozenset[str]:
    """Those of ``names`` (``"<index>.<name>"``) whose array is of ``kind``."""
    split = {name: name.split(".") for name in names}
    return frozenset(key for key, (index, name) in split.items() if variable_type(layers[int(index)], name) is kind)


class Network(nnx.Module):
    """A network that computes: ``network(windows)`` gives logits.

    Args:
        layers: the description.
        arrays: ``{"<index>.<name>": array}`` as in a ``Model``.
    """

    def __init__(self, layers: Layers, arrays: Mapping[str, Any]) -> None:
        self.layers = layers
        blocks: list[dict[str, nnx.Variable[Any]]] = [{} for _ in layers]
        for key, array in arrays.items():
            index, name = key.split(".")
            blocks[int(index)][name] = variable_type(layers[int(index)], name)(jnp.asarray(array))
        self.blocks = nnx.List([nnx.Dict(block) for block in blocks])

    def __call__(self, x: Array, train: bool = False, key: Array | None = None) -> Array:
        """Logits (batch, classes) of windows (batch, time, channels).

        Args:
            x: raw windows, in the sensor's units.
            train: normalise by the batch's own moments, count them into the running ones, and drop out.
            key: for dropout; without one nothing is dropped.
        """
        return self.head(self.features(x, train, key))

    def features(self, x: Array, train: bool = False, key: Array | None = None) -> Array:
        """What the last Dense layer sees: (batch, features)."""
        return self.run(x, 0, self.head_index, train, key)

    def head(self, features: Array) -> Array:
        """Logits of ``features``."""
        return self.run(features, self.head_index, len(self.layers))

    @property
    def head_index(self) -> int:
        """Index of the last Dense layer."""
        return max(i for i, layer in enumerate(self.layers) if isinstance(layer, records.Dense))

    def run(self, x: Array, first: int, last: int, train: bool = False, key: Array | None = None) -> Array:
        """Output of layer ``last - 1`` when ``x`` enters layer ``first``."""
        for index in range(first, last):
            layer_key = None if key is None else jax.random.fold_in(key, index)
            x = _apply(self.layers[index], self.blocks[index], x, train, layer_key)
        return x

    def arrays(self) -> dict[str, Array]:
        """``{"<index>.<name>": array}``: what the network knows at this moment."""
        return {f"{i}.{name}": block[name][...] for i, block in enumerate(self.blocks) for name in block}


def _apply(layer: records.Layer, block: nnx.Dict[Any], x: Array, train: bool, key: Array | None) -> Array:
    match layer:
        case records.Normalize():
            return (x - block["mean"][...]) / block["deviation"][...]
        case records.Correct():
            return front.corrected(x, block["matrix"][...], block["offset"][...], block["delay"][...])
        case records.VectorNorms():
            return front.vector_norms(layer, x)
        case records.GravityFrame():
            return front.gravity_frame(layer, x)
        case records.Spectrum():
            return front.spectrum(layer, x)
        case records.LogMel():
            return _log_mel(layer, x)
        case records.ChannelsAsTime():
            return jnp.swapaxes(x, 1, 2)
        case records.Conv(stride=stride, groups=groups, circular=circular):
            y = convolve(x, block["kernel"][...], stride=stride, groups=groups, circular=circular)
            return y + block["bias"][...] if layer.bias else y
        case records.Dense():
            return x @ block["kernel"][...] + block["bias"][...]
        case records.BatchNorm(epsilon=epsilon):
            return _batch_norm(block, x, epsilon, train)
        case records.Relu():
            return jnp.maximum(x, 0.0)
        case records.Dropout(rate=rate):
            return _dropout(x, rate, key) if train and key is not None else x
        case records.MaxPool(size=size):
            return _max_pool(x, size)
        case records.GlobalAveragePool():
            return x.mean(1)
        case records.Flatten():
            return x.reshape(x.shape[0], -1)


def _log_mel(layer: records.LogMel, x: Array) -> Array:
    waves, bands = mel.matrices(layer)
    count = (x.shape[1] - layer.frame) // layer.hop + 1
    places = np.arange(count)[:, None] * layer.hop + np.arange(layer.frame)
    spectrum = x[:, places, 0] @ waves
    power = jnp.square(spectrum) @ bands
    mean = power.mean((1, 2), keepdims=True) + mel.POWER_FLOOR
    return jnp.log(power / mean + layer.floor)


def _batch_norm(block: nnx.Dict[Any], x: Array, epsilon: float, train: bool) -> Array:
    scale, offset = block["scale"][...], block["offset"][...]
    if not train:
        gain = scale * jax.lax.rsqrt(block["variance"][...] + epsilon)
        return x * gain + (offset - block["mean"][...] * gain)
    y, mean, variance = batch_normalize(x, scale, offset, epsilon)
    for name, found in (("mean", mean), ("variance", variance)):
        block[name][...] = MOMENTUM * block[name][...] + (1 - MOMENTUM) * jax.lax.stop_gradient(found)
    return y


def _dropout(x: Array, rate: float, key: Array) -> Array:
    return jnp.where(jax.random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0.0)


def _max_pool(x: Array, size: int) -> Array:
    batch, time, channels = x.shape
    parts = x[:, : time // size * size].reshape(batch, time // size, size, channels)
    # Pairwise maxima of slices, not a reduction: several times faster forward and backward on a CPU.
    best = parts[:, :, 0]
    for offset in range(1, size):
        best = jnp.maximum(best, parts[:, :, offset])
    return best


def initial_arrays(layers: Layers, input_shape: Shape, seed: int) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    """Numbers to start learning from: He-normal kernels, identity statistics, zeros elsewhere.

    Args:
        layers: the description.
        input_shape: (time, channels) of a window.
        seed: same seed, same numbers, on every machine.

    Reference: He et al. 2015, https://arxiv.org/abs/1502.01852.
    """
    random = np.random.default_rng(seed)
    arrays = {}
    for key, shape in records.all_array_shapes(layers, input_shape).items():
        name = key.split(".")[1]
        if name == "kernel":
            array = random.standard_normal(shape) * np.sqrt(2 / np.prod(shape[:-1]))
        elif name == "matrix":
            array = np.eye(shape[0])
        else:
            array = np.ones(shape) if name in ("deviation", "variance", "scale") else np.zeros(shape)
        arrays[key] = array.astype(np.float32)
    return arrays


def from_model(model: Model) -> Network:
    """The network that computes what ``model`` describes."""
    return Network(model.layers, model.arrays)


def to_model(network: Network, task: TaskSpec) -> Model:
    """The network at rest.

    Raises:
        ValueError: the network does not fit the task.
    """
    return Model(task, network.layers, {name: np.asarray(array) for name, array in network.arrays().items()})
