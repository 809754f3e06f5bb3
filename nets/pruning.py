"""Structured pruning: whole channels leave a network, and what is left is a smaller network of the same records.

Taking a channel away removes a column of its maker's kernel, its numbers on the way and its rows of the reader's
kernel; where the channel was zero, no answer changes.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from nets.channel_importance import importance
from nets.channels import prunable
from nets.layers import Conv, Dense, Layer
from nets.model import Model
from slipway.errors import Reason, Refused

MULTIPLE = 4  # features that integer kernels compute at once: others in a block are paid for and not used

Indices = npt.NDArray[np.int64]


def prune(
    model: Model, share: float, scores: Mapping[int, npt.NDArray[Any]] | None = None, *, multiple: int = MULTIPLE
) -> Model:
    """``model`` with a share of the channels of each layer, those that matter most.

    Args:
        model: the network.
        share: of the channels to keep, over 0 to 1.
        scores: of ``importance``; those of the weights by default.
        multiple: that the number of channels kept is rounded to; at least one of it is kept.

    Raises:
        Refused: FIELD_INVALID: the share is out of range, or the network has no channels that can be taken away.
    """
    if not 0 < share <= 1:
        raise _refused("share", "needs a number over 0, at most 1", share, "Say which share of the channels to keep.")
    groups = prunable(model.layers, model.task.sensor.window_shape)
    if not groups:
        kinds = ", ".join(type(layer).__name__ for layer in model.layers)
        raise _refused("model.layers", "no channel can be taken away", kinds, "Choose another network.")
    known = importance(model) if scores is None else scores
    return keep(model, {one.maker: best(known[one.maker], _rounded(share * one.count, multiple)) for one in groups})


def best(scores: npt.NDArray[Any], count: int) -> Indices:
    """Places of the ``count`` largest of ``scores``, in their order; the first of equals."""
    return np.sort(np.argsort(-scores, kind="stable")[:count])


def keep(model: Model, kept: Mapping[int, Indices]) -> Model:
    """``model`` with only some of the channels of some layers.

    Args:
        model: the network.
        kept: maker → indices of its channels that stay.

    Raises:
        Refused: FIELD_INVALID, a layer whose channels cannot be taken away, or none would stay.
    """
    groups = {one.maker: one for one in prunable(model.layers, model.task.sensor.window_shape)}
    layers, arrays = list(model.layers), dict(model.arrays)
    for maker, indices in kept.items():
        if maker not in groups or len(indices) == 0:
            remedy = f"Keep some channels of the layers {', '.join(map(str, groups))}."
            raise _refused(f"kept.{maker}", "its channels cannot be taken away", f"{len(indices)} to stay", remedy)
        group = groups[maker]
        for index in (maker, *group.on_the_way):
            layers[index] = _narrow(layers[index], len(indices))
            for name in [name for name in arrays if int(name.split(".")[0]) == index]:
                arrays[name] = arrays[name][..., indices]
        rows = np.arange(group.rows)[:, None] * group.count + indices  # time first, as ``Flatten`` lays them
        arrays[f"{group.reader}.kernel"] = arrays[f"{group.reader}.kernel"].take(rows.ravel(), axis=-2)
    return Model(model.task, tuple(layers), arrays)


def _narrow(layer: Layer, count: int) -> Layer:
    if isinstance(layer, Conv):
        return replace(layer, features=count, groups=1 if layer.groups == 1 else count)
    return replace(layer, features=count) if isinstance(layer, Dense) else layer


def _rounded(count: float, multiple: int) -> int:
    return max(multiple * round(count / multiple), multiple)


def _refused(field: str, problem: str, found: object, remedy: str) -> Refused:
    return Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=found, remedy=remedy)
