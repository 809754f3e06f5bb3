"""Nets that might fit: the architectures in several widths and depths, and the base with fewer channels.

All of them begin with the base's own front and its input statistics, so that a student sees what its teacher saw.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

import numpy as np
import numpy.typing as npt

from nets.architectures import RING, SOUND, Form, cnn, ds_cnn, is_ring, is_sound, mlp
from nets.channel_importance import importance
from nets.channels import prunable
from nets.front import FRONTS, layers_for
from nets.layers import FIXED, Correct, Layers, Normalize
from nets.model import Model
from nets.network import initial_arrays
from nets.pruning import prune
from slipway.errors import Refused
from slipway.spec import TaskSpec
from slipway.windows import Values

TIME = Form((64, 128, 128), (5, 8, 8))
SEPARABLE = Form((32, 64, 64), (5, 8, 8))
WIDTHS = {"cnn": (0.75, 0.5, 0.375, 0.25, 0.125), "ds_cnn": (3.0, 2.0, 1.5, 1.0, 0.5), "mlp": (1.0, 0.5, 0.25)}
SHARES = (0.75, 0.625, 0.5, 0.375, 0.25, 0.125)  # of the base's channels
HIDDEN = (128, 64)
MULTIPLE = 4  # see ``nets.pruning.MULTIPLE``
IMPORTANCE_WINDOWS = 256


@dataclass(frozen=True, eq=False)
class Candidate:
    """A net to learn.

    Args:
        name: says what it is.
        family: nets that differ in width only.
        start: its layers, and the numbers to start learning from.
    """

    name: str
    family: str
    start: Model


def candidates(base: Model, values: Values, *, seed: int = 0) -> tuple[Candidate, ...]:
    """Every candidate, each family from its largest to its smallest.

    Args:
        base: the teacher.
        values: (count, time, channels) windows, by which the base's channels are judged.
        seed: of numbers begun afresh.
    """
    return (*pruned(base, values), *afresh(base, seed))


def pruned(base: Model, values: Values) -> Iterator[Candidate]:
    """The base with fewer channels, those that matter most."""
    if not prunable(base.layers, base.task.sensor.window_shape):
        return
    scores = importance(base, values[:: -(-len(values) // IMPORTANCE_WINDOWS)])
    for share in SHARES:
        yield Candidate(f"base, {share:.1%} of its channels", "pruned", prune(base, share, scores, multiple=MULTIPLE))


def afresh(base: Model, seed: int) -> Iterator[Candidate]:
    """The architectures behind the base's front; none if that front has no name."""
    front = front_of(base)
    if front is None:
        return
    for family, widths, build, options in _families(base.task):
        for width in widths:
            layers = build(base.task, front=front, **_narrowed(options, width))
            yield Candidate(f"{family}, width {width:g}", family, _begun(base, layers, seed))


def front_of(base: Model) -> str | None:
    """The name of what the base does to raw windows, or None; a ``Correct`` before it does not count."""
    start = base.layers[isinstance(base.layers[0], Correct) : beginning(base.layers)]
    for name in FRONTS:
        try:
            if layers_for(base.task, name) == start:
                return name
        except Refused:  # the sensor cannot have that one
            continue
    return None


def beginning(layers: Layers) -> int:
    """How many layers come before the first that learns."""
    fixed = (*FIXED, Correct, Normalize)
    return next((index for index, layer in enumerate(layers) if not isinstance(layer, fixed)), len(layers))


def varied(found: Sequence[Candidate], limit: int) -> list[Candidate]:
    """At most ``limit`` of them: the first of each family, then the second of each, and so on."""
    families: dict[str, list[Candidate]] = {}
    for one in found:
        families.setdefault(one.family, []).append(one)
    turns = chain.from_iterable(zip_longest(*families.values()))
    return [one for one in turns if one is not None][:limit]


def _families(
    task: TaskSpec,
) -> Iterator[tuple[str, tuple[float, ...], Callable[..., Layers], Mapping[str, Any]]]:
    ring, sound = is_ring(task), is_sound(task)
    wide = RING if ring else SOUND if sound else TIME
    forms = {"cnn": (cnn, wide), "ds_cnn": (ds_cnn, RING if ring else SEPARABLE)}
    for name, (build, form) in forms.items():
        for blocks in dict.fromkeys((len(form.widths), 2)):
            yield f"{name}, {blocks} blocks", WIDTHS[name], build, _first_blocks(form, blocks)._asdict()
    if not sound:  # thousands of samples at once would be all weights
        yield "mlp", WIDTHS["mlp"], mlp, {"widths": HIDDEN}


def _first_blocks(form: Form, count: int) -> Form:
    return Form(form.widths[:count], form.sizes[:count], form.hidden)


def _narrowed(options: Mapping[str, Any], width: float) -> dict[str, Any]:
    def narrowed(counts: Sequence[int]) -> tuple[int, ...]:
        return tuple(max(MULTIPLE, MULTIPLE * round(count * width / MULTIPLE)) for count in counts)

    return {name: narrowed(counts) if name != "sizes" else counts for name, counts in options.items()}


def _begun(base: Model, layers: Layers, seed: int) -> Model:
    """Layers with random numbers, but for what the base knows of the input and of a regression's mean answer."""
    kept = beginning(base.layers)
    whole = (*base.layers[:1], *layers) if isinstance(base.layers[0], Correct) else layers
    arrays: dict[str, npt.NDArray[np.float32]] = dict(initial_arrays(whole, base.task.sensor.window_shape, seed))
    known = {name: array for name, array in base.arrays.items() if int(name.split(".")[0]) < kept}
    if base.task.outputs:
        known[f"{len(whole) - 1}.bias"] = base.arrays[f"{len(base.layers) - 1}.bias"]
    return Model(base.task, whole, {**arrays, **known})
