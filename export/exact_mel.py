"""The log-mel front in arithmetic that no processor can round its own way, for int8 nets: what it is and computes.

Every operation is either elementwise (IEEE 754 fixes its result) or a sum of whole numbers that stays below 2²⁴, where
float32 is exact in any order. So ONNX Runtime, NumPy, JAX and generated C make the same bits, and the bytes that enter
the integer layers are the same everywhere. Numbers of a window become whole ones in units of the window's largest
(block floating point; Oppenheim 1970): the front looks at ratios only, so the units cancel.

    samples → whole → cosines, sines (sums) → powers → whole → bands (sums, in two halves) → / mean → roots → logarithm

A logarithm is 32 times that of the 32nd root, five square roots deep, and near one a short series in
t = (u - 1) / (u + 1) is enough: ln u = 2 (t + t³ / 3 + t⁵ / 5).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from export.steps import Floats, LogMel, convolve

EXACT = 2**24  # float32 tells all whole numbers apart up to here
SAMPLE_LIMIT = 1023  # of a whole sample: ten bits and a sign, which leaves eight or so to the waves
HALF = 2**12  # powers are whole numbers of two halves, each below this
POWER_LIMIT = HALF * (HALF - 1)
QUIET = 1e-6  # a peak under it counts as one of this size: silence stays silent
TINY = 1e-20  # so that silence can be divided by its largest number
ROOTS = 5
SERIES = tuple(np.float32(2 ** (ROOTS + 1) / odd) for odd in (1, 3, 5))


@dataclass(frozen=True, eq=False)
class ExactMel:
    """(batch, 1, time) → (batch, bands, frames): as ``steps.LogMel``, but for its level's floor, with whole weights.

    Args:
        cosines: (bins, 1, frame) float32, whole; ``SAMPLE_LIMIT`` times the sum of a row's sizes is below ``EXACT``.
        sines: as ``cosines``.
        bands: (bands, bins, 1) float32, whole; ``HALF`` times the sum of a row is below ``EXACT``.
        hop: samples from one frame to the next.
        floor: share of the window's mean power that silence counts as.
    """

    name: str
    cosines: Floats
    sines: Floats
    bands: Floats
    hop: int
    floor: float

    @property
    def band_limit(self) -> int:
        """Of a band's power as a whole number, so that a frame's can be added up."""
        return int((EXACT - 1) // len(self.bands))

    def frames(self, time: int) -> int:
        """How many fit ``time`` samples."""
        return int((time - self.cosines.shape[2]) // self.hop) + 1


@lru_cache(maxsize=16)
def exact_mel(step: LogMel) -> ExactMel:
    """``step`` with its weights on whole numbers, as large as exact sums allow."""
    bins = len(step.waves) // 2
    waves = whole_rows(step.waves, (EXACT - 1) // SAMPLE_LIMIT)
    bands = whole_rows(step.bands[:, :bins], (EXACT - 1) // (HALF - 1))
    return ExactMel(step.name, waves[:bins], waves[bins:], bands, step.hop, step.floor)


def whole_rows(weights: Floats, limit: int) -> Floats:
    """Whole numbers in proportion to ``weights`` (rows, ...), each row's magnitudes adding up to ``limit`` at most."""
    rows = np.abs(weights.astype(np.float64)).reshape(len(weights), -1)
    spare = np.count_nonzero(rows, axis=1).max() / 2  # what rounding may add to a row
    scale = (limit - spare) / rows.sum(axis=1).max()
    return np.asarray(np.rint(weights.astype(np.float64) * scale), np.float32)


def fold_shift(frames: int) -> int:
    """By how many bits the powers of ``frames`` frames are cut, so that a window's can be added up."""
    return int(np.ceil(np.log2(frames)))


def level_share(step: ExactMel, frames: int) -> np.float32:
    """What the cut sum of a window is multiplied with to give the mean of a band."""
    return np.float32(2.0 ** fold_shift(frames) / (len(step.bands) * frames))


def apply(step: ExactMel, values: Floats) -> Floats:
    """What ``step`` makes of a batch (batch, 1, time): logarithms (batch, bands, frames) in float32."""
    samples = _whole(values, np.abs(values), SAMPLE_LIMIT, QUIET)
    real, imaginary = (convolve(samples, waves, step.hop, 1) for waves in (step.cosines, step.sines))
    power = real * real + imaginary * imaginary
    whole = _whole(power, power, POWER_LIMIT, TINY)
    high = np.floor(whole * np.float32(1 / HALF))
    low = whole - high * np.float32(HALF)
    upper, lower = (convolve(half, step.bands, 1, 1) for half in (high, low))
    return logarithm(share(step, upper * np.float32(HALF) + lower) + np.float32(step.floor))


def _whole(values: Floats, sizes: Floats, limit: int, least: float) -> Floats:
    """Whole numbers of at most ``limit``, in proportion to ``values``, the largest of ``sizes`` becoming ``limit``."""
    return np.asarray(np.clip(np.rint(values * _unit(sizes, limit, least)), -limit, limit), np.float32)


def share(step: ExactMel, bands: Floats) -> Floats:
    """Band powers (batch, bands, frames) as shares of the window's mean."""
    frames = bands.shape[2]
    scaled = bands * _unit(bands, step.band_limit, TINY)
    rows = np.rint(scaled).sum(axis=1, keepdims=True)
    total = np.rint(rows * np.float32(2.0 ** -fold_shift(frames))).sum(axis=2, keepdims=True)
    return np.asarray(scaled / np.maximum(total * level_share(step, frames), np.float32(TINY)))


def logarithm(values: npt.NDArray[np.float32]) -> Floats:
    """ln of positive numbers, to 2e-5 between 1e-4 and 1e4."""
    root = values
    for _ in range(ROOTS):
        root = np.sqrt(root)
    part = (root - np.float32(1)) / (root + np.float32(1))
    square = part * part
    first, third, fifth = SERIES
    return np.asarray(part * ((square * fifth + third) * square + first))


def _unit(sizes: Floats, limit: int, least: float) -> Floats:
    """(batch, 1, 1): what numbers of these ``sizes`` are multiplied with for the largest to become ``limit``."""
    largest = np.maximum(sizes.max(axis=(1, 2), keepdims=True), np.float32(least))
    return np.asarray(np.float32(limit) / largest)
