"""Can the simulator make such a recording at all? A two-sample test that names the channels that break it.

Windows of one recording are not independent, recordings are: so the recording is compared as a whole with simulated
recordings of the same length, through its statistics. How far a statistic lies outside is measured in the spread of one
half of the simulations; the other half says how far a recording of the simulator's own lies outside by chance. A
channel's p-value counts how many of those have *any* channel as far out, which accounts for the number of channels
however they depend on each other.

Reference: Westfall & Young, Resampling-Based Multiple Testing, 1993, ch. 2 (maxT); Gelman, Meng & Stern, Posterior
Predictive Assessment of Model Fitness, Statistica Sinica 6, 1996.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import numpy as np
import numpy.typing as npt

from sim.identify.fit import Reach
from sim.identify.recordings import simulate, windows_a_flight
from sim.identify.summaries import PAIR, of_recording
from sim.identify.summaries import names as statistic_names
from sim.priors import Prior
from sim.world import World
from slipway.windows import Values

THRESHOLD = 0.05
RECORDINGS = 1000  # simulated, half of them to measure by
TAIL = 0.025
PRECISION = 0.01  # of a channel's spread, or of a statistic without a unit: less is no difference
MANY_PARTNERS = 3  # from so many on, one partner out of line is the partner's fault

Array = npt.NDArray[np.float32]
GRAVITY, DEGREES = 9.80665, 57.29578
MISTAKEN = {
    "m/s2": ((1 / GRAVITY, "g"), (1000 / GRAVITY, "mg")),
    "g": ((GRAVITY, "m/s2"),),
    "rad/s": ((DEGREES, "deg/s"),),
    "deg/s": ((1 / DEGREES, "rad/s"),),
    "rad": ((DEGREES, "deg"),),
    "deg": ((1 / DEGREES, "rad"),),
    "m": ((1000.0, "mm"), (100.0, "cm"), (3.28084, "ft")),
}  # unit → what a number in it becomes when it is given in another, and which


@dataclass(frozen=True)
class Compared:
    """A recording beside simulated ones.

    Args:
        names: of the statistics.
        found: (channels, statistics) of the recording.
        simulated: (recordings, channels, statistics).
        outside: (channels, statistics): how far out each lies; 1 is the edge of the simulations' middle 95 %.
        reach: the verdict.
    """

    names: tuple[str, ...]
    found: Array
    simulated: Array
    outside: Array
    reach: Reach


def reach(
    world: World,
    prior: Prior,
    values: Values,
    *,
    names: Sequence[str] = (),
    flights: int = 16,
    recordings: int = RECORDINGS,
    seed: int = 0,
) -> Reach:
    """Test whether ``world`` under ``prior`` makes recordings like ``values``.

    A recording of the simulator's own, drawn from the same prior, fails with chance ``THRESHOLD``; a posterior was
    fitted to the very recording it is asked about, so it fails more rarely.

    Args:
        values: (count, time, channels) in the order of time.
        names: parameters that are the same in a whole recording.
        flights: flights of a simulated recording; fewer where the recording is shorter.
        recordings: to simulate.
    """
    window_count = windows_a_flight(world)
    flight_count = max(1, min(flights, len(values) // window_count))
    made = simulate(world, prior, names, jax.random.key(seed + 1), recordings, flight_count).statistics
    found = of_recording(values, window_count, flight_count)
    return compare(world, window_count, found, made).reach


def compare(world: World, window_count: int, found: Array, simulated: Array) -> Compared:
    """The test on statistics alone: (channels, statistics) against (recordings, channels, statistics)."""
    sensor = world.task.sensor
    kinds = statistic_names((window_count, *sensor.window_shape))
    half = len(simulated) // 2
    ruler = _ruler(simulated[:half], kinds)
    outside, others = _outside(found, ruler), _outside(simulated[half:], ruler)
    pairs = np.asarray([kind.startswith(PAIR) for kind in kinds])
    blame, of_others = _blame(outside, pairs), _blame(others, pairs).max(axis=-1)
    whole, of_whole = outside.max(), others.max(axis=(1, 2))
    channels = {c.name: _p_value(far, of_others) for c, far in zip(sensor.channels, blame, strict=True)}
    words = {
        c.name: _words(c.unit, kinds, found[i], simulated[:, i], outside[i])
        for i, c in enumerate(sensor.channels)
        if channels[c.name] < THRESHOLD
    }
    return Compared(kinds, found, simulated, outside, Reach(_p_value(whole, of_whole), channels, THRESHOLD, words))


def _ruler(simulated: Array, kinds: tuple[str, ...]) -> tuple[Array, Array, Array]:
    """Middle of each statistic, and how far its middle 95 % reach down and up.

    At least its deviation, and ``PRECISION``: what nearly all simulations agree on, such as the largest value of a
    sensor that saturates, would else lie endlessly far out for a difference that no learner sees.
    """
    low, middle, high = np.quantile(simulated, (TAIL, 0.5, 1 - TAIL), axis=0)
    spread = np.exp(np.median(simulated[..., kinds.index("log deviation")], axis=0))
    of_level = np.asarray([kind == "mean" or kind.endswith("quantile") for kind in kinds])
    least = np.maximum(simulated.std(axis=0), PRECISION * np.where(of_level[None], spread[:, None], 1.0))
    return middle, np.maximum(middle - low, least), np.maximum(high - middle, least)


def _outside(statistics: Array, ruler: tuple[Array, Array, Array]) -> Array:
    middle, down, up = ruler
    far = statistics - middle
    return np.where(far > 0, far / up, -far / down)


def _blame(outside: Array, pairs: npt.NDArray[np.bool_]) -> Array:
    """How far out each channel is, (..., channels): its worst own statistic, or its second worst partner.

    A wrong channel is out of line with all its partners, a right one with the wrong one only.
    """
    own = outside[..., ~pairs].max(axis=-1)
    count = int(pairs.sum())
    if not count:
        return own
    worst = np.sort(outside[..., pairs], axis=-1)
    return np.maximum(own, worst[..., -2 if count >= MANY_PARTNERS else -1])


def _p_value(far: float, of_others: Array) -> float:
    """Share of recordings that lie as far out, this one counted among them."""
    return float((1 + np.sum(of_others >= far)) / (1 + len(of_others)))


def _words(unit: str, kinds: tuple[str, ...], found: Array, simulated: Array, outside: Array) -> str:
    """What is wrong with a channel, as plainly as its statistics tell."""
    level, spread = kinds.index("mean"), kinds.index("log deviation")
    lowest, highest = kinds.index("0% quantile"), kinds.index("100% quantile")
    if found[lowest] == found[highest] and (simulated[:, lowest] < simulated[:, highest]).all():
        return f"always reads {found[level]:g}: it looks stuck"
    size = float(np.hypot(found[level], np.exp(found[spread])))
    sizes = np.hypot(simulated[:, level], np.exp(simulated[:, spread]))
    if not sizes.min() <= size <= sizes.max():
        for times, other in MISTAKEN.get(unit, ()):
            if sizes.min() <= size / times <= sizes.max():
                return f"is {times:.3g} times as large as simulated: in {other} instead of {unit}?"
    low, high = np.quantile(simulated[:, level], (TAIL, 1 - TAIL))
    if low <= -found[level] <= high and (low > 0 > found[level] or high < 0 < found[level]):
        return "has the sign of the other direction: is its axis turned round?"
    worst = int(outside.argmax())
    low, high = np.quantile(simulated[:, worst], (TAIL, 1 - TAIL))
    return f"{kinds[worst]} is {found[worst]:.3g}, simulations lie between {low:.3g} and {high:.3g}"
