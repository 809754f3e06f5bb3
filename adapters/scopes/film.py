"""A gain and a shift for each feature of every layer with weights but the last."""

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import Array

from adapters.scopes.scope import Arrays, Factors, Scope
from nets.layers import BatchNorm, Conv, Dense
from nets.model import Model

GAIN = "film.{}.gain"
SHIFT = "film.{}.shift"


def film() -> Scope:
    """y → gain · y + shift on each output channel of every convolution and dense layer except the last.

    Where a batch normalisation follows, both act on what comes out of it, through its scale and offset; else through
    the layer's kernel and bias. A layer with neither a batch normalisation behind it nor a bias takes the gain only.

    Reference: Perez et al. 2018, FiLM, https://arxiv.org/abs/1709.07871, equation 2 (here the same for all windows).
    """
    return Scope("film", _made, factors=(Factors(_made, _initial, _merge),))


def _places(model: Model) -> list[int]:
    """Index of the layer that takes the gain of each convolution and dense layer, but the last."""
    weighted = [index for index, layer in enumerate(model.layers) if isinstance(layer, Conv | Dense)][:-1]
    return [index + 1 if isinstance(model.layers[index + 1], BatchNorm) else index for index in weighted]


def _made(model: Model) -> frozenset[str]:
    names = (f"{index}.{name}" for index in _places(model) for name in ("scale", "offset", "kernel", "bias"))
    return frozenset(name for name in names if name in model.arrays)


def _initial(model: Model, random: np.random.Generator) -> Arrays:
    found: dict[str, npt.NDArray[np.float32]] = {}
    for index in _places(model):
        last = model.arrays.get(f"{index}.scale", model.arrays.get(f"{index}.kernel"))
        assert last is not None
        found[GAIN.format(index)] = np.ones(last.shape[-1], np.float32)
        if f"{index}.offset" in model.arrays or f"{index}.bias" in model.arrays:
            found[SHIFT.format(index)] = np.zeros(last.shape[-1], np.float32)
    return found


def _merge(arrays: Mapping[str, Array]) -> dict[str, Array]:
    merged = dict(arrays)
    for name, gain in arrays.items():
        if not (name.startswith("film.") and name.endswith(".gain")):
            continue
        index = name.split(".")[1]
        product, added = ("scale", "offset") if f"{index}.scale" in arrays else ("kernel", "bias")
        merged[f"{index}.{product}"] = jnp.asarray(arrays[f"{index}.{product}"]) * gain
        if SHIFT.format(index) in arrays:
            merged[f"{index}.{added}"] = jnp.asarray(arrays[f"{index}.{added}"]) * gain + arrays[SHIFT.format(index)]
    return merged
