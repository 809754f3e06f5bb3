"""Partial transfer: layers of one network put into another, and the rest begun afresh.

The classic use is a pretrained recogniser without its output layer that carries a small detector: what the first layers
learned holds for many questions, what the last one learned for one only (Yosinski et al. 2014,
https://arxiv.org/abs/1411.1792).

A layer's numbers hold for what stands before it. So what is taken unasked is the longest common beginning of the two
networks; layers may also be named one by one. Where the sensors differ, see ``nets.carrying``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from nets.carrying import Channels, carried, matched, sees_channels
from nets.layers import Dense, Dropout, Layers, Normalize
from nets.model import Model
from nets.network import initial_arrays
from nets.pretraining import Recipe, build, input_statistics
from nets.resampling import same_rate
from slipway.errors import Reason, Refused
from slipway.spec import TaskSpec
from slipway.windows import Values, check_values


@dataclass(frozen=True)
class Transplant:
    """A network of which parts come from another.

    Args:
        model: the network.
        taken: arrays of ``model`` that come from the source, and which arrays of the source they are.
        fresh: all its other arrays, and those taken for some channels only: what is left to learn.
        steps: one sentence for each thing that was done.
    """

    model: Model
    taken: Mapping[str, str]
    fresh: frozenset[str]
    steps: tuple[str, ...]


def headless(layers: Layers) -> Layers:
    """The layers that turn a window into features: those in front of the output layer, and of its dropout."""
    last = _output(layers)
    return layers[: last - 1] if last and isinstance(layers[last - 1], Dropout) else layers[:last]


def transplant(
    source: Model,
    form: Layers | Recipe,
    task: TaskSpec,
    *,
    names: Literal["auto"] | Mapping[int, int] = "auto",
    values: Values | None = None,
    seed: int = 0,
) -> Transplant:
    """A network for ``task`` that begins with what ``source`` has learned.

    Args:
        source: where the numbers come from.
        form: the new network's layers, or a recipe that builds them.
        task: the new network's question.
        names: index of a layer of the new network → index of the source's layer to take; "auto" takes the longest
            common beginning, dropout apart, and the output layer only where both answer the same.
        values: (count, time, channels) windows of the new sensor, for the statistics of channels new to the source;
            without them these count as mean 0 and deviation 1.
        seed: of what is begun afresh.

    Raises:
        Refused: RATE_MISMATCH; FIELD_INVALID: a named layer that does not fit, a channel whose units measure
            different quantities, or nothing that fits.
    """
    layers = build(task, form) if isinstance(form, Recipe) else form
    _check_rate(source.task, task)
    channels = matched(source.task.sensor.channels, task.sensor.channels)
    _check_front(source, layers, channels)
    arrays = initial_arrays(layers, task.sensor.window_shape, seed)
    if values is not None and isinstance(layers[0], Normalize):
        arrays["0.mean"], arrays["0.deviation"] = input_statistics(check_values(values, task.sensor))
    taken: dict[str, str] = {}
    for ours, theirs in _pairs(source, layers, task) if names == "auto" else sorted(names.items()):
        known = 0 <= ours < len(layers) and 0 <= theirs < len(source.layers)
        found = carried(source, theirs, layers, ours, task, channels, arrays) if known else None
        if found is None:
            if names == "auto":
                break
            raise _misfit(source, theirs, layers, ours)
        arrays |= found
        taken |= {name: f"{theirs}.{name.split('.')[1]}" for name in found}
    if not taken:
        kinds = ", ".join(type(layer).__name__ for layer in source.layers[:4])
        remedy = "Describe the new network with the source's first layers, or name the layers to take."
        raise _refused("source", "nothing of it fits the beginning of the new network", kinds, remedy)
    partly = {name for name in taken if channels.lacking and sees_channels(layers, int(name.split(".")[0]))}
    fresh = frozenset(arrays.keys() - (taken.keys() - partly))
    return Transplant(Model(task, layers, arrays), taken, fresh, _told(taken, fresh, channels))


def _pairs(source: Model, layers: Layers, task: TaskSpec) -> list[tuple[int, int]]:
    """Indices of the layers of the longest common beginning, by their records."""
    same_answers = (task.classes, task.outputs) == (source.task.classes, source.task.outputs)
    found = []
    for ours, theirs in zip(_without_dropout(layers), _without_dropout(source.layers), strict=False):
        answers = (ours == _output(layers), theirs == _output(source.layers))
        if layers[ours] != source.layers[theirs] or (any(answers) and not (all(answers) and same_answers)):
            break
        found.append((ours, theirs))
    return found


def _without_dropout(layers: Layers) -> list[int]:
    return [index for index, layer in enumerate(layers) if not isinstance(layer, Dropout)]


def _output(layers: Layers) -> int:
    """Index of the output layer."""
    return max(index for index, layer in enumerate(layers) if isinstance(layer, Dense))


def _check_rate(source: TaskSpec, task: TaskSpec) -> None:
    given, wanted = source.sensor, task.sensor
    single = given.window_length == wanted.window_length == 1  # a single reading has no rate
    if not single and not same_rate(given.rate_hz, wanted.rate_hz):
        raise Refused(
            Reason.RATE_MISMATCH,
            field="task.sensor.rate_hz",
            found=f"{wanted.rate_hz:g}",
            expected=f"{given.rate_hz:g}",
        )


def _check_front(source: Model, layers: Layers, channels: Channels) -> None:
    first = next((net[0] for net in (layers, source.layers) if not isinstance(net[0], Normalize)), None)
    if not channels.same and first is not None:
        raise _refused(
            "task.sensor.channels",
            f"{type(first).__name__} knows its channels by their place, and the source has others",
            ", ".join(channels.wanted),
            f"Bring the windows into the source's form first: {', '.join(channels.given)}.",
        )


def _told(taken: Mapping[str, str], fresh: frozenset[str], channels: Channels) -> tuple[str, ...]:
    layers = sorted({int(name.split(".")[0]) for name in taken})
    begun = sorted({int(name.split(".")[0]) for name in fresh - taken.keys()})
    steps = [f"taken: layers {', '.join(map(str, layers))}"]
    steps += [f"begun afresh: layers {', '.join(map(str, begun))}"] if begun else []
    steps += [f"new channels, with weights of zero: {', '.join(channels.lacking)}"] if channels.lacking else []
    steps += [f"channels that are gone: {', '.join(channels.gone)}"] if channels.gone else []
    converted = [name for name, line in zip(channels.wanted, channels.lines, strict=True) if line != (1.0, 0.0)]
    return (*steps, *([f"unit taken up by the input statistics: {', '.join(converted)}"] if converted else []))


def _misfit(source: Model, theirs: int, layers: Layers, ours: int) -> Refused:
    found, wanted = (
        str(net[index]) if 0 <= index < len(net) else f"no layer {index}"
        for net, index in ((source.layers, theirs), (layers, ours))
    )
    return _refused(
        f"names.{ours}", f"layer {theirs} of the source does not fit {wanted}", found, "Name layers of equal shapes."
    )


def _refused(field: str, problem: str, found: object, remedy: str) -> Refused:
    return Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=found, remedy=remedy)
