"""What home looks like: a few numbers of every window, their mean and scatter at home, and how far they stray there.

Of each channel the level (mean over the window) and the spread (logarithm of the standard deviation; of windows of one
sample the distance from home's level), both again for all channels together, so that what moves all of them a little is
seen; of the answer energy and confidence, or the outputs of a regression. Each is told in home's standard deviations
and cut off at 5, so that one spike is not a drift. No label is read.

A feature's limit is what two stretches of home in a row may show: the mean over any two stretches drawn from it (a
block bootstrap with every pair, so what comes one after another stays together), widened until the largest of all
features together crosses its limit in one pair of a hundred, and for home's own mean being off; never under ``FLOOR``.

Reference: Liu, Wang, Owens & Li 2020, Energy-based out-of-distribution detection, https://arxiv.org/abs/2010.03759;
Künsch 1989, The jackknife and the bootstrap for general stationary observations.
"""

from dataclasses import dataclass
from itertools import combinations_with_replacement, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from slipway.errors import Reason, Refused
from slipway.spec import TaskSpec
from slipway.windows import Values

CHANNELS, OUTPUTS = 24, 8  # watched one by one; more channels are watched as so many groups of neighbours
CLIP = 5.0  # standard deviations
FLOOR = 0.5  # standard deviations: what is called a medium effect, and matters to nobody below
STRETCH = 512  # windows
STRETCHES = 32
FALSE_ALARMS = 0.01  # share of pairs of home's stretches
SILENCE = 1e-3  # of a channel's scatter: a spread below it is none
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Home:
    """Mean and scatter of every feature at home, and how far its mean over recent windows may be from there.

    Args:
        task: what was answered.
        count: windows it was taken from.
        mean: (features,).
        sd: (features,), over 0.
        limit: (features,) in standard deviations.
        quantiles: 5, 25, 50, 75 and 95 % of what was answered, for people: by "energy" and "confidence", or output.
    """

    task: TaskSpec
    count: int
    mean: Floats
    sd: Floats
    limit: Floats
    quantiles: dict[str, list[float]]


def features(task: TaskSpec) -> tuple[str, ...]:
    """Names of the features, such as "acc_z: level"."""
    channels = ["–".join(dict.fromkeys((group[0], group[-1]))) for group in _groups(task)]
    told = [f"{name}: {what}" for what in ("level", "spread") for name in (*channels, "all channels")]
    answers = [f"{one.name}: {what}" for what in ("level", "spread") for one in task.outputs[:OUTPUTS]]
    return (*told, *(answers or ("answers: energy", "answers: confidence")))


def home_of(task: TaskSpec, windows: Values, logits: npt.NDArray[np.float32]) -> Home:
    """Home from windows (count, time, channels) in the order of time, and their answers (count, classes or outputs).

    Raises:
        Refused: DATASET_EMPTY for fewer than 8 windows.
    """
    return home_from(task, measured(task, windows, logits), answers_of(task, logits))


def home_from(task: TaskSpec, raw: Floats, answers: dict[str, Floats] | None = None) -> Home:
    """Home from what was ``measured`` of its windows, in the order of time."""
    if len(raw) < 8:
        raise Refused(Reason.DATASET_EMPTY, field="home", name="home")
    width = len(features(task))
    mean, sd = np.zeros(width), np.ones(width)
    home = Home(task, len(raw), mean, sd, np.ones_like(mean), _quantiles(answers or {}))
    for part in _parts(task):  # each is told by those before it
        found = _features(home, raw)[:, part]
        mean[part] = [_rounded(one) for one in found.mean(0)]
        sd[part] = [_rounded(one) for one in np.maximum(found.std(0), 1e-6 * (1 + np.abs(mean[part])))]
    limit = np.array([_rounded(one, 2) for one in _limits(standardised(home, raw))])
    return Home(task, len(raw), mean, sd, limit, home.quantiles)


def measured(task: TaskSpec, windows: npt.NDArray[Any], logits: npt.NDArray[Any]) -> Floats:
    """What is measured of windows (count, time, channels) and answers (count, classes or outputs): (count, numbers)."""
    groups = _groups(task)
    level, spread = windows.mean(1, dtype=np.float64), windows.std(1, dtype=np.float64)
    if len(groups) < level.shape[1]:
        starts = np.cumsum([0, *(len(group) for group in groups[:-1])])
        sizes = np.array([len(group) for group in groups])
        level, spread = (np.add.reduceat(each, starts, axis=1) / sizes for each in (level, spread))
    return np.concatenate([level, spread, *(each[:, None] for each in answers_of(task, logits).values())], 1)


def answers_of(task: TaskSpec, logits: npt.NDArray[Any]) -> dict[str, Floats]:
    """Energy (−log of the sum of exp) and largest probability of each answer, or its outputs."""
    told = np.asarray(logits, np.float64)
    if task.outputs:
        return {one.name: told[:, at] for at, one in enumerate(task.outputs[:OUTPUTS])}
    largest = told.max(1)
    rest = np.exp(told - largest[:, None]).sum(1)
    return {"energy": -(largest + np.log(rest)), "confidence": 1 / rest}


def standardised(home: Home, raw: Floats) -> Floats:
    """The features (count, features) of what was ``measured``, in home's standard deviations from home's mean."""
    return np.clip((_features(home, raw) - home.mean) / home.sd, -CLIP, CLIP)


def _features(home: Home, raw: Floats) -> Floats:
    """(count, features) in units of their own; those of all channels together in home's standard deviations."""
    width = len(_groups(home.task))
    level, spread, answers = raw[:, :width], raw[:, width : 2 * width], raw[:, 2 * width :]
    mean, sd = home.mean, home.sd
    levels = np.clip((level - mean[:width]) / sd[:width], -CLIP, CLIP)
    spread = np.abs(levels) if home.task.sensor.window_length == 1 else np.log(spread + SILENCE * sd[:width])
    at = slice(width + 1, 2 * width + 1)
    spreads = np.clip((spread - mean[at]) / sd[at], -CLIP, CLIP)
    told = [level, levels.mean(1, keepdims=True), spread, spreads.mean(1, keepdims=True), answers]
    if home.task.outputs:
        at = slice(2 * width + 2, 2 * width + 2 + answers.shape[1])
        told.append(np.abs(np.clip((answers - mean[at]) / sd[at], -CLIP, CLIP)))
    return np.concatenate(told, 1)


def _parts(task: TaskSpec) -> list[slice]:
    """Features in the order in which home's numbers can be told: a later part needs those before it."""
    width = len(_groups(task))
    ends = [width, width + 1, 2 * width + 1, 2 * width + 2]
    answers = min(len(task.outputs), OUTPUTS)
    ends += [ends[-1] + answers, ends[-1] + 2 * answers] if answers else [ends[-1] + 2]
    return [slice(low, high) for low, high in pairwise([0, *ends])]


def _groups(task: TaskSpec) -> list[list[str]]:
    names = [channel.name for channel in task.sensor.channels]
    edges = np.linspace(0, len(names), min(len(names), CHANNELS) + 1).round().astype(int)
    return [names[low:high] for low, high in pairwise(edges)]


def _limits(found: Floats) -> Floats:
    """(features,) from the features (count, features) of home, in the order of time."""
    length = max(1, min(STRETCH, len(found) // 4))
    starts = np.linspace(0, len(found) - length, STRETCHES).astype(int)
    stretches = np.stack([found[start : start + length].mean(0) for start in starts])
    first, second = np.array(list(combinations_with_replacement(range(STRETCHES), 2))).T
    strayed = np.abs(stretches[first] + stretches[second]) / 2
    each = np.maximum(_quantile(strayed, 1 - FALSE_ALARMS), 1e-6)
    together = _quantile((strayed / each).max(1), 1 - FALSE_ALARMS)
    unsure = np.sqrt(1 + 2 * length / len(found))  # home's own mean strays too
    return np.asarray(np.maximum(FLOOR, each * max(1.0, float(together)) * unsure))


def _quantile(values: Floats, share: float) -> Floats:
    """``np.quantile`` along the first axis; that one loads ``numpy.ma``, 3 MB of a device's memory."""
    ordered, at = np.sort(values, 0), share * (len(values) - 1)
    low, high = ordered[int(at)], ordered[min(int(at) + 1, len(values) - 1)]
    return np.asarray(low + (at - int(at)) * (high - low))


def _quantiles(answers: dict[str, Floats]) -> dict[str, list[float]]:
    return {name: [_rounded(one) for one in np.quantile(each, QUANTILES)] for name, each in answers.items()}


def _rounded(value: float, digits: int = 3) -> float:
    return float(f"{value:.{digits}g}")
