"""Judge a way to adapt by trying it where labels are known.

A pool differs from home for a reason nobody told. So devices are made up from the source's labelled windows, each by
another explanation; every way to adapt is run on each, without its labels, and what it gained is counted with them. A
world that differs speaks for keeping the base: statistics matched to other windows move what was right. A sensor that
differs speaks for a change. Which of the two explanations stand is measured: where the source holds windows that look
like the pool's, the world may be all that differs; where it holds none, only the sensor explains the pool.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from adapters import marginal
from adapters.gate.overlap import overlap
from adapters.gate.pseudo_devices import WORLDS, Stage, explanations, windows
from nets.front import vectors_of
from nets.inference import logits, softmax
from nets.metrics import accuracy, confusion, macro_f1
from nets.model import Model
from nets.windows import Windows
from slipway.windows import Labels, Values

Method = Callable[[Values], Model]  # a pool without labels → the base adapted to it

DOUBT = 0.3  # of shares as the base's answers say, where label shift does not explain the pool


@dataclass(frozen=True)
class Effort:
    """How much is rehearsed.

    Args:
        worlds: pseudo-devices in another world, of each of the two kinds.
        sensors: pseudo-devices for each way in which the sensor may differ.
        windows: of a pseudo-device's pool at most, and as many to count the gain on.
        source: windows of the source, drawn at random, that devices are made of at most.
        overlap: share of look-alikes under which another world alone does not explain the pool.
        confidence: of the lower bounds.
        finalists: ways with a gradient that are rehearsed at most.
    """

    worlds: int = 4
    sensors: int = 4
    windows: int = 384
    source: int = 4096
    overlap: float = 0.1
    confidence: float = 0.9
    finalists: int = 2


@dataclass(frozen=True)
class Drill:
    """One pseudo-device.

    Args:
        explanation: why it differs from home.
        base_accuracy: of the base on it.
        base_confidence: of the base's answers there.
        gains: method → accuracy or macro-F1 over the base's, whichever gained less: frequent classes must not pay for
            rare ones, nor rare ones for frequent.
    """

    explanation: str
    base_accuracy: float
    base_confidence: float
    gains: Mapping[str, float]


@dataclass(frozen=True)
class Rehearsal:
    """What was rehearsed.

    Args:
        overlap: share of the pool's windows that the source has look-alikes of.
        world_stands: whether another world alone may explain the pool.
        drills: one a pseudo-device.
        confidence: of the bounds.
    """

    overlap: float
    world_stands: bool
    drills: tuple[Drill, ...]
    confidence: float = 0.9

    def means(self, name: str) -> dict[str, float]:
        """Explanation → mean gain of method ``name``, where it was rehearsed."""
        found: dict[str, list[float]] = {}
        for drill in self.drills:
            if name in drill.gains:
                found.setdefault(drill.explanation, []).append(drill.gains[name])
        return {explanation: float(np.mean(gains)) for explanation, gains in found.items()}

    def bound(self, name: str) -> float | None:
        """Lower bound of the gain: that of the worst kind of explanation that stands. None when it was not rehearsed.

        Explanations count as one observation each: more devices of one kind make none of them likelier.
        """
        return min((lower(gains, self.confidence) for gains in self._kinds(name)), default=None)

    def mean(self, name: str) -> float | None:
        """Mean gain under the worst kind of explanation that stands."""
        return min((float(np.mean(gains)) for gains in self._kinds(name)), default=None)

    def better(self, name: str, other: str) -> bool:
        """Whether ``name`` clearly gains more than ``other`` over the explanations of one kind, and less in none."""
        pairs = zip(self._kinds(name), self._kinds(other), strict=True)
        bounds = [lower([a - b for a, b in zip(*pair, strict=True)], self.confidence) for pair in pairs]
        return bool(bounds) and max(bounds) > 0 and min(bounds) >= 0

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        names = sorted({name for drill in self.drills for name in drill.gains})
        return {
            "overlap": self.overlap,
            "world_stands": self.world_stands,
            "devices": len(self.drills),
            "gains": {name: {"bound": self.bound(name), **self.means(name)} for name in names},
        }

    def _kinds(self, name: str) -> list[list[float]]:
        """Gains of ``name`` over the worlds, drill by drill, and over the sensors, explanation by explanation."""
        worlds = [d.gains[name] for d in self.drills if d.explanation in WORLDS and name in d.gains]
        sensors = [gain for explanation, gain in self.means(name).items() if explanation not in WORLDS]
        return [gains for gains in (worlds, sensors) if gains]


def rehearse(
    base: Model,
    methods: Mapping[str, Method],
    values: Values,
    source: Windows,
    *,
    source_marginal: marginal.Shares,
    effort: Effort | None = None,
    seed: int = 0,
) -> Rehearsal:
    """Run every method on pseudo-devices that differ from home as the pool does, and count what it gains.

    A method that loses in another world, where another world may be the reason, is not tried on changed sensors.

    Args:
        base: what every method starts from.
        methods: by name; each is called with a pool (count, time, channels) and knows no label.
        values: (count, time, channels), the target pool.
        source: labelled windows, none of them -1.
        source_marginal: class shares the base was trained with.
        effort: how much is rehearsed.
        seed: of every draw.
    """
    effort = effort or Effort()
    random = np.random.default_rng(seed)
    some = np.sort(random.permutation(len(source.labels))[: effort.source])
    source = Windows(source.values[some], source.labels[some])
    seen = overlap(base, values, source, seed)
    stands = seen.share >= effort.overlap
    stage = Stage(
        source=source,
        pool=values[np.sort(random.permutation(len(values))[: effort.windows])],
        vectors=vectors_of(base.task.sensor),
        shares=_plausible(base, values, source, source_marginal, stands),
        log_odds=seen.log_odds,
    )
    drills: list[Drill] = []
    if stands:
        drills = _drills(base, methods, stage, WORLDS, effort.worlds, random)
        kept = Rehearsal(seen.share, stands, tuple(drills), effort.confidence)
        methods = {name: method for name, method in methods.items() if (kept.bound(name) or 0.0) >= 0}
    if methods:
        drills += _drills(base, methods, stage, explanations(stage), effort.sensors, random)
    return Rehearsal(seen.share, stands, tuple(drills), effort.confidence)


def lower(gains: Sequence[float], confidence: float) -> float:
    """Lower bound of the mean gain by Student's distribution; of a single gain -1, the most there is to lose."""
    if len(gains) < 2:
        return -1.0
    error = float(np.std(gains, ddof=1)) / np.sqrt(len(gains))
    return max(float(np.mean(gains) - student(confidence, len(gains) - 1) * error), -1.0)


def student(confidence: float, freedom: int) -> float:
    """One-sided quantile of Student's distribution, to 1 % from 3 degrees of freedom (Abramowitz & Stegun 26.7.5)."""
    z = NormalDist().inv_cdf(confidence)
    terms = ((z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96, (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384)
    return float(z + sum(term / freedom ** (power + 1) for power, term in enumerate(terms)))


def _plausible(
    base: Model, values: Values, source: Windows, source_marginal: marginal.Shares, same_sensor: bool
) -> npt.NDArray[np.float64]:
    """(2, classes): between these two the shares of pseudo-devices are drawn."""
    home = marginal.Home(logits(base, source.values), source.labels)
    found = marginal.estimated(logits(base, values), source_marginal, home)
    loose = 1.0 if same_sensor and not found.problem else DOUBT
    return np.stack([source_marginal, (1 - loose) * source_marginal + loose * found.likeliest])


def _drills(
    base: Model, methods: Mapping[str, Method], stage: Stage, names: Sequence[str], count: int, random: Any
) -> list[Drill]:
    return [_drill(base, methods, stage, name, random) for name in names for _ in range(count)]


def _drill(base: Model, methods: Mapping[str, Method], stage: Stage, explanation: str, random: Any) -> Drill:
    """Adapt to the first half of a device's windows, count on the other."""
    count = len(stage.pool)
    made = windows(stage, explanation, 2 * count, random)
    pool, test = made.values[:count], Windows(made.values[count:], made.labels[count:])
    chances = softmax(logits(base, test.values))
    before = _rates(chances.argmax(1), test.labels, chances.shape[1])
    gains = {}
    for name, method in methods.items():
        after = _rates(logits(method(pool), test.values).argmax(1), test.labels, chances.shape[1])
        gains[name] = float((after - before).min())
    return Drill(explanation, float(before[0]), float(chances.max(1).mean()), gains)


def _rates(answers: npt.NDArray[np.int64], labels: Labels, class_count: int) -> npt.NDArray[np.float64]:
    """(2,): accuracy and macro-F1."""
    counts = confusion(answers, labels, class_count)
    return np.array([accuracy(counts), macro_f1(counts)])
