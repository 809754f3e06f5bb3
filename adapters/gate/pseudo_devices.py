"""Devices made up from labelled source windows, each by another explanation of why the pool differs from the source.

Either the world differs: the same sensor, other windows. Or the sensor differs: the windows of home, read wrongly. All
sensors but the last are drawn so that their windows come to differ from home about as the pool does, in the channels
where the pool does.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from adapters.marginal import Shares
from nets.windows import Windows
from slipway.windows import Values

Doubles = npt.NDArray[np.float64]
Vectors = tuple[tuple[int, ...], ...]
Random = np.random.Generator
Change = Callable[[Random, Doubles, Doubles, Vectors], Doubles]  # (random, windows, pool, vectors) → the device's

STRENGTHS = (0.6, 1.4)  # of the way from home to the pool, and beyond
CONCENTRATION = 30.0  # of the Dirichlet distribution of class shares
QUANTILES = np.linspace(0.005, 0.995, 60)
GAINS = (0.05, 20.0)  # of one frequency
FAULTS = (0.2, 1.0)  # strength of random faults
TINY = 1e-9


@dataclass(frozen=True, eq=False)
class Stage:
    """What pseudo-devices are made of.

    Args:
        source: labelled windows.
        pool: (count, time, channels), the device's, unlabelled.
        vectors: channels that are x, y and z of one vector.
        shares: (explanations, classes): class shares that are plausible in the pool; any mixture of them is drawn.
        log_odds: (source windows,), of looking like the pool.
    """

    source: Windows
    pool: Values
    vectors: Vectors
    shares: Doubles
    log_odds: Doubles


def windows(stage: Stage, explanation: str, count: int, random: Random) -> Windows:
    """``count`` labelled windows of a device for which ``explanation`` is true."""
    if explanation == LOOK_ALIKE:
        return _rows(stage.source, _look_alike(stage, count, random))
    mine = _rows(stage.source, _shares(stage, count, random))
    if explanation == OTHER_SHARES:
        return mine
    change = SENSORS[explanation]
    read = change(random, mine.values.astype(np.float64), stage.pool.astype(np.float64), stage.vectors)
    return Windows(read.astype(np.float32), mine.labels)


def explanations(stage: Stage) -> tuple[str, ...]:
    """Those ways in which the sensor may differ that make sense for its windows."""
    lacking = {"spectrum": stage.pool.shape[1] == 1, "turned": not stage.vectors}
    return tuple(name for name in SENSORS if not lacking.get(name, False))


def _rows(source: Windows, rows: npt.NDArray[np.int64]) -> Windows:
    return Windows(source.values[rows], source.labels[rows])


def _look_alike(stage: Stage, count: int, random: Random) -> npt.NDArray[np.int64]:
    odds = stage.log_odds * random.uniform(0.5, 1.2)
    weights = np.exp(np.clip(odds - odds.max(), -12, 0))
    return random.choice(len(weights), count, p=weights / weights.sum())


def _shares(stage: Stage, count: int, random: Random) -> npt.NDArray[np.int64]:
    labels = stage.source.labels
    centre = random.dirichlet(np.ones(len(stage.shares))) @ stage.shares
    drawn: Shares = random.dirichlet(CONCENTRATION * centre + 0.1)
    weights = drawn[labels] / np.bincount(labels, minlength=len(drawn))[labels]
    return random.choice(len(labels), count, p=weights / weights.sum())


def _moments(random: Random, values: Doubles, pool: Doubles, vectors: Vectors) -> Doubles:
    """Mean and deviation of every channel go towards the pool's."""
    strength = random.uniform(*STRENGTHS)
    mean, spread = values.mean((0, 1)), values.std((0, 1)) + TINY
    gain = ((pool.std((0, 1)) + TINY) / spread) ** strength
    return np.asarray((values - mean) * gain + mean + strength * (pool.mean((0, 1)) - mean))


def _covariance(random: Random, values: Doubles, pool: Doubles, vectors: Vectors) -> Doubles:
    """Channels mix, by the shortest linear map that carries their covariance towards the pool's.

    Reference: the optimal transport between normal distributions, Peyré & Cuturi 2019, https://arxiv.org/abs/1803.00567,
    remark 2.31.
    """
    strength = random.uniform(*STRENGTHS)
    (mean, home), (there, away) = _normal(values), _normal(pool)
    root, inverse = _power(home, 0.5), _power(home, -0.5)
    mixing = inverse @ _power(root @ away @ root, 0.5) @ inverse
    mixing = (1 - strength) * np.eye(len(mean)) + strength * mixing
    return np.asarray((values - mean) @ mixing.T + mean + strength * (there - mean))


def _turned(random: Random, values: Doubles, pool: Doubles, vectors: Vectors) -> Doubles:
    """Mounted any way round, then as ``_covariance``."""
    rotation = np.linalg.qr(random.standard_normal((3, 3)))[0]
    rotation *= np.sign(np.linalg.det(rotation))
    return _covariance(random, _rotated(values, rotation, vectors), pool, vectors)


def _spectrum(random: Random, values: Doubles, pool: Doubles, vectors: Vectors) -> Doubles:
    """A linear filter on every channel takes its mean and the power of its frequencies towards the pool's."""
    strength = random.uniform(*STRENGTHS)
    gain = np.clip((_powers(pool) / _powers(values)) ** strength, *GAINS)
    means = values.mean(1, keepdims=True)
    filtered = np.fft.irfft(np.fft.rfft(values - means, axis=1) * gain, n=values.shape[1], axis=1)
    return np.asarray(filtered + means + strength * (pool.mean((0, 1)) - values.mean((0, 1))))


def _quantiles(random: Random, values: Doubles, pool: Doubles, vectors: Vectors) -> Doubles:
    """A curve for every channel takes the distribution of its readings towards the pool's: saturation, dead zones."""
    strength = random.uniform(*STRENGTHS)
    bent = np.empty_like(values)
    for channel in range(values.shape[-1]):
        mine, there = (np.quantile(each[..., channel], QUANTILES) for each in (values, pool))
        mine = np.maximum.accumulate(mine + TINY * np.arange(len(QUANTILES)))
        bent[..., channel] = np.interp(values[..., channel], mine, there)
    return values + strength * (bent - values)


def _faults(random: Random, values: Doubles, pool: Doubles, vectors: Vectors) -> Doubles:
    """Random gains, biases, noise, and often a rotation: nothing of the pool's."""
    strength, channels = random.uniform(*FAULTS), values.shape[-1]
    spread = values.std((0, 1))
    read = values * np.exp(0.5 * strength * random.standard_normal(channels))
    read = read + 0.7 * strength * spread * random.standard_normal(channels)
    if vectors and random.random() < 0.6:
        read = _rotated(read, _rotation(random.standard_normal(3), strength * np.pi * random.random()), vectors)
    return np.asarray(read + 0.3 * strength * random.random() * spread * random.standard_normal(read.shape))


def _rotated(values: Doubles, rotation: Doubles, vectors: Vectors) -> Doubles:
    turned = values.copy()
    for vector in vectors:
        turned[..., list(vector)] = values[..., list(vector)] @ rotation.T
    return turned


def _rotation(axis: Doubles, angle_rad: float) -> Doubles:
    """Rodrigues' formula."""
    x, y, z = axis / (np.linalg.norm(axis) + TINY)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + np.sin(angle_rad) * cross + (1 - np.cos(angle_rad)) * cross @ cross)


def _normal(values: Doubles) -> tuple[Doubles, Doubles]:
    rows = values.reshape(-1, values.shape[-1])
    covariance = np.atleast_2d(np.cov(rows.T))
    return rows.mean(0), covariance + TINY * max(float(np.trace(covariance)), 1.0) * np.eye(len(covariance))


def _power(matrix: Doubles, exponent: float) -> Doubles:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.maximum(values, 1e-12 * values.max()) ** exponent) @ vectors.T)


def _powers(values: Doubles) -> Doubles:
    """(frequencies, channels), root mean square over windows, over a floor that keeps silence from being amplified."""
    found = np.sqrt(np.square(np.abs(np.fft.rfft(values - values.mean(1, keepdims=True), axis=1))).mean(0))
    return np.asarray(found + 1e-6 * found.max(0) + TINY)


LOOK_ALIKE, OTHER_SHARES = "look-alikes", "other shares"
WORLDS = (LOOK_ALIKE, OTHER_SHARES)
SENSORS: Mapping[str, Change] = {
    "moments": _moments,
    "covariance": _covariance,
    "turned": _turned,
    "spectrum": _spectrum,
    "quantiles": _quantiles,
    "faults": _faults,
}
