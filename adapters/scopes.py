"""Which arrays of a model may change: what must travel to the device, and how many bytes that is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from flax import nnx
from jax import Array

from nets.layers import BatchNorm, Conv, Dense
from nets.model import Model
from nets.network import InputStatistic, names_of
from slipway.errors import Reason, Refused

Arrays = Mapping[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Factors:
    """Fewer learned numbers that make some of a model's arrays.

    Args:
        made: the arrays that they make.
        initial: (model, randomness) → the numbers to start from, with which the arrays stay what they were; their names
            start with a letter.
        merge: all arrays, the numbers among them → the arrays of the layers; pure and compiled.
    """

    made: Callable[[Model], frozenset[str]]
    initial: Callable[[Model, np.random.Generator], Arrays]
    merge: Callable[[Mapping[str, Array]], dict[str, Array]]


@dataclass(frozen=True, eq=False)
class Scope:
    """A choice among a model's arrays.

    Args:
        text: as it is written in a job, e.g. ``"top(2)"``.
        names: the arrays of a prepared model it may touch.
        prepare: gives a model the layer that the scope needs; its answers stay the same.
        factors: fewer numbers that are learned in place of the arrays they make.
    """

    text: str
    names: Callable[[Model], frozenset[str]]
    prepare: Callable[[Model], Model] | None = None
    factors: tuple[Factors, ...] = ()

    def prepared(self, model: Model) -> Model:
        """``model``, with the layer that the scope needs."""
        return model if self.prepare is None else self.prepare(model)


def union(*scopes: Scope) -> Scope:
    """Whatever any of ``scopes`` may touch."""
    if len(scopes) == 1:
        return scopes[0]

    def prepare(model: Model) -> Model:
        for scope in scopes:
            model = scope.prepared(model)
        return model

    return Scope(
        " + ".join(scope.text for scope in scopes),
        lambda model: frozenset().union(*(scope.names(model) for scope in scopes)),
        prepare,
        tuple(factors for scope in scopes for factors in scope.factors),
    )


def size_bytes(scope: Scope, model: Model) -> int:
    """Bytes of the arrays in scope, in float32."""
    return sum(model.arrays[name].nbytes for name in scope.names(model))


def input_statistics() -> Scope:
    """Mean and deviation of each raw channel."""
    return Scope("input_statistics", lambda model: names_of(model.layers, model.arrays, InputStatistic))


def norm_statistics() -> Scope:
    """Running mean and variance of every batch normalisation (AdaBN; Li et al. 2018)."""
    return Scope("norm_statistics", lambda model: names_of(model.layers, model.arrays, nnx.BatchStat))


def norm_affine() -> Scope:
    """Scale and offset of every batch normalisation (as in Tent; Wang et al. 2021)."""
    return Scope("norm_affine", _norm_affine)


def head() -> Scope:
    """The last Dense layer: the features stay what they were."""
    return Scope("head", lambda model: _top(model, 1))


def top(count: int) -> Scope:
    """The last ``count`` convolution or dense layers, with the scale and offset that follow them.

    Args:
        count: at least 1; ``top(1)`` is the head.

    Raises:
        Refused: FIELD_INVALID, a count under 1.
    """
    if count < 1:
        raise Refused(
            Reason.FIELD_INVALID,
            field="scope",
            problem="top needs a whole number of layers from 1",
            found=count,
            remedy="Write top(2) for the last two layers.",
        )
    return Scope(f"top({count})", lambda model: _top(model, count))


def full() -> Scope:
    """Everything the network learned, and its batch statistics; the input statistics stay."""
    return Scope(
        "full",
        lambda model: (
            names_of(model.layers, model.arrays, nnx.Param) | names_of(model.layers, model.arrays, nnx.BatchStat)
        ),
    )


def _norm_affine(model: Model) -> frozenset[str]:
    learned = names_of(model.layers, model.arrays, nnx.Param)
    return frozenset(name for name in learned if isinstance(model.layers[int(name.split(".")[0])], BatchNorm))


def _top(model: Model, count: int) -> frozenset[str]:
    weighted = [index for index, layer in enumerate(model.layers) if isinstance(layer, Conv | Dense)]
    first = weighted[-min(count, len(weighted))]
    learned = names_of(model.layers, model.arrays, nnx.Param)
    return frozenset(name for name in learned if int(name.split(".")[0]) >= first)
