"""Adapting a device that sends no window: it is asked for sums, layer by layer, and gets what its windows would give.

Statistics of a layer depend on the correction of the layers before it, so the server asks for one layer at a time: a
``Request`` carries the statistics found so far, the device sets them in its base, runs its windows up to the layer, and
answers with ``Sums`` of what reaches it. Answers from several days or gateways merge before they are used.

Reference: Li et al. 2018, AdaBN, https://arxiv.org/abs/1603.04779; Sun et al. 2016, CORAL, https://arxiv.org/abs/1511.05547.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from adapters.objective import Arrays
from adapters.objectives.moments import statistics, statistics_in
from adapters.sums.sums import Sums, mean_and_covariance, mean_and_variance, merged, sums_of
from nets.inference import BATCH_LIMIT, between
from nets.layers import shapes
from nets.model import Model
from nets.network import from_model
from slipway.errors import Reason, Refused
from slipway.windows import Values, check_values

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Request:
    """What a device is asked for.

    Args:
        layer: index of the layer; sums are taken of what reaches it.
        paired: with the products of every two channels.
        arrays: what the device sets in its base before it runs its windows, ``"<index>.<name>"``.
    """

    layer: int
    paired: bool
    arrays: Arrays


def next_request(model: Model, names: frozenset[str], answers: Mapping[int, Sums]) -> Request | None:
    """The next layer whose sums are needed for the statistics in ``names``; None when all are known.

    Args:
        model: the base.
        names: the arrays in scope, of ``input_statistics``, ``norm_statistics`` or both.
        answers: sums so far, by layer.

    Raises:
        Refused: FIELD_INVALID, no statistics in scope, or sums that cannot be those of the layer.
    """
    layers = statistics_in(names, model.layers)
    missing = next((layer for layer in layers if layer not in answers), None)
    if missing is None:
        return None
    known = _solved(model, tuple(layer for layer in layers if layer < missing), answers)
    return Request(missing, False, known)


def feature_request(model: Model, arrays: Arrays | None = None) -> Request:
    """Asks for what CORAL needs: the sums and products of the features, the last Dense layer's input.

    Args:
        model: the base.
        arrays: statistics that the device sets first, such as ``solved`` gives.
    """
    return Request(from_model(model).head_index, True, arrays or {})


def answer(model: Model, request: Request, values: Values) -> Sums:
    """What a device with windows (count, time, channels) answers; the windows stay where they are.

    Raises:
        Refused: windows that are not the sensor's, or a request that does not fit the model.
    """
    values = check_values(values, model.task.sensor)
    if not len(values):
        raise Refused(Reason.FIELD_REQUIRED, field="values")
    if not 0 <= request.layer < len(model.layers) or not request.arrays.keys() <= model.arrays.keys():
        raise _refused("asks for a layer or arrays that the model does not have", request.layer)
    corrected = replace(model, arrays={**model.arrays, **request.arrays})
    parts = _reaching(corrected, request.layer, values)
    return merged([sums_of(part.reshape(-1, part.shape[-1]), paired=request.paired) for part in parts])


def solved(model: Model, names: frozenset[str], answers: Mapping[int, Sums]) -> Arrays:
    """``moments`` from sums: the statistics in ``names``, equal to rounding to those from the windows.

    Raises:
        Refused: FIELD_INVALID, an answer is missing, or sums that cannot be those of the layer.
    """
    layers = statistics_in(names, model.layers)
    missing = [layer for layer in layers if layer not in answers]
    if missing:
        raise _refused("sums of a layer are missing", f"layer {missing[0]}")
    return _solved(model, layers, answers)


def feature_moments(model: Model, sums: Sums) -> tuple[Doubles, Doubles]:
    """Mean (features,) and covariance (features, features) of the features, from the answer to ``feature_request``.

    Raises:
        Refused: FIELD_INVALID, sums that cannot be those of the features.
    """
    _check(model, from_model(model).head_index, sums)
    return mean_and_covariance(sums)


def _solved(model: Model, layers: tuple[int, ...], answers: Mapping[int, Sums]) -> dict[str, npt.NDArray[np.float32]]:
    found: dict[str, npt.NDArray[np.float32]] = {}
    for layer in layers:
        _check(model, layer, answers[layer])
        found |= statistics(model, layer, *mean_and_variance(answers[layer]))
    return found


def _reaching(model: Model, layer: int, values: Values) -> Iterator[npt.NDArray[np.float32]]:
    for start in range(0, len(values), BATCH_LIMIT):
        part = values[start : start + BATCH_LIMIT]
        yield part if layer == 0 else between(model.layers[:layer], model.arrays, part)


def _check(model: Model, layer: int, sums: Sums) -> None:
    *time, channels = shapes(model.layers, model.task.sensor.window_shape)[layer]
    if sums.channels != channels or sums.count % int(np.prod(time, dtype=int)):
        found = f"{sums.count} rows of {sums.channels} channels"
        raise _refused(f"layer {layer} sees whole windows of {(*time, channels)}", found)


def _refused(problem: str, found: object) -> Refused:
    remedy = "Ask next_request what to send, and send what answer gives for it."
    return Refused(Reason.FIELD_INVALID, field="sums", problem=problem, found=found, remedy=remedy)
