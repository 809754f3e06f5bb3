"""Scopes of whole arrays: statistics, affine numbers, the last layers, everything."""

from flax import nnx

from adapters.scopes.scope import Scope
from nets.layers import BatchNorm, Conv, Dense
from nets.model import Model
from nets.network import InputStatistic, names_of
from slipway.errors import Reason, Refused


def input_statistics() -> Scope:
    """Mean and deviation of each raw channel."""
    return Scope("input_statistics", lambda model: names_of(model.layers, model.arrays, InputStatistic))


def norm_statistics() -> Scope:
    """Running mean and variance of every batch normalisation (AdaBN; Li et al. 2018)."""
    return Scope("norm_statistics", lambda model: names_of(model.layers, model.arrays, nnx.BatchStat))


def norm_affine() -> Scope:
    """Scale and offset of every batch normalisation (as in Tent; Wang et al. 2021)."""
    return Scope("norm_affine", _norm_affine)


def bias() -> Scope:
    """Every bias, and every offset of a batch normalisation: one number a feature, no product changes.

    Reference: Ben Zaken et al. 2021, BitFit, https://arxiv.org/abs/2106.10199.
    """
    return Scope("bias", lambda model: frozenset(n for n in _learned(model) if n.split(".")[1] in ("bias", "offset")))


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
    return Scope("full", lambda model: _learned(model) | names_of(model.layers, model.arrays, nnx.BatchStat))


def _learned(model: Model) -> frozenset[str]:
    return names_of(model.layers, model.arrays, nnx.Param)


def _norm_affine(model: Model) -> frozenset[str]:
    return frozenset(name for name in _learned(model) if isinstance(model.layers[int(name.split(".")[0])], BatchNorm))


def _top(model: Model, count: int) -> frozenset[str]:
    weighted = [index for index, layer in enumerate(model.layers) if isinstance(layer, Conv | Dense)]
    first = weighted[-min(count, len(weighted))]
    return frozenset(name for name in _learned(model) if int(name.split(".")[0]) >= first)
