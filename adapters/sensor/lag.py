"""How much later one group of channels reads than another, by what they have in common over time."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from adapters.sensor.fault import Fault, arrays_of, groups
from slipway.spec import SensorSpec

Doubles = npt.NDArray[np.float64]
Values = npt.NDArray[np.float32]

GRID = 0.05  # samples
LEAST = 0.25  # samples: a shorter lag is none
REACH_SHARE = 4  # a window's length over the longest shift compared
REACH_LIMIT = 16  # samples
EXPLAINED = 0.5  # of what the correlations differ by, that a lag has to explain
PARTS = 6
SURE = 5.0  # standard errors


def lags(fault: Fault, sensor: SensorSpec, target: Values, source: Values) -> Fault:
    """``fault`` with the lag, in samples, of every group of channels behind the first.

    The cross-correlation of a group with the first is a matrix for every shift. A lag moves it along the shifts: the
    one with which the target's, gains and mounting corrected, comes closest to the source's in least squares is taken
    if it explains most of the difference, and if parts of the target agree on it.

    Args:
        fault: without lag.
        sensor: of the windows.
        target: (count, time, channels), as the device read it.
        source: (count, time, channels).
    """
    undone = arrays_of(fault, sensor)
    corrected = target @ undone["matrix"] + undone["offset"]
    first, *others = groups(sensor)
    reach = min(sensor.window_length // REACH_SHARE, REACH_LIMIT)
    found = fault.lag.copy()
    for group in others if reach >= 1 else ():
        home = correlation(source, first, group, 2 * reach)
        parts = [correlation(part, first, group, 2 * reach) for part in np.array_split(corrected, PARTS)]
        found[list(group)] = _lag(home, np.stack(parts), reach)
    return replace(fault, lag=found)


def correlation(values: Values, one: tuple[int, ...], other: tuple[int, ...], reach: int) -> Doubles:
    """(2 * reach + 1, len(one), len(other)): correlations of ``one`` at a time with ``other`` a shift later.

    Shifts run from -reach to reach samples; windows count with their own means taken out.
    """
    a, b = (values[..., list(chosen)].astype(np.float64) for chosen in (one, other))
    a, b = (x - x.mean(1, keepdims=True) for x in (a, b))
    a, b = (x / np.sqrt(np.maximum(np.square(x).mean(), 1e-30)) for x in (a, b))
    length = 2 * values.shape[1]
    products = np.einsum("nfi,nfj->fij", np.fft.rfft(a, length, 1).conj(), np.fft.rfft(b, length, 1), optimize=True)
    shifted = np.fft.irfft(products, length, 0)[np.arange(-reach, reach + 1)]
    overlap = values.shape[1] - np.abs(np.arange(-reach, reach + 1))
    return np.asarray(shifted / (overlap * len(values))[:, None, None])


def _lag(home: Doubles, parts: Doubles, reach: int) -> float:
    """The lag with which all of ``parts`` (parts, shifts, …) come closest to ``home``; 0 where that is not clear."""
    candidates = np.arange(-reach, reach + GRID / 2, GRID)
    errors = _errors(home, parts.mean(0), candidates, reach)
    best = int(errors.argmin())
    still = errors[len(candidates) // 2]
    each = np.array([candidates[_errors(home, part, candidates, reach).argmin()] for part in parts])
    error = each.std(ddof=1) / np.sqrt(len(each)) + GRID
    lag = float(candidates[best])
    clear = errors[best] < (1 - EXPLAINED) * still and abs(each.mean()) > SURE * error and abs(lag) >= LEAST
    return lag if clear else 0.0


def _errors(home: Doubles, found: Doubles, candidates: Doubles, reach: int) -> Doubles:
    """(candidates,): squared difference from ``home`` of ``found`` moved back by each lag, over shifts up to reach."""
    shifts = np.arange(-reach, reach + 1)
    kept = home[reach : 3 * reach + 1].reshape(len(shifts), -1)
    columns = found.reshape(len(found), -1)
    places = shifts[None] + candidates[:, None] + 2 * reach  # rows of ``found``
    low = np.clip(np.floor(places).astype(int), 0, len(columns) - 2)
    share = (places - low)[..., None]
    moved = columns[low] * (1 - share) + columns[low + 1] * share
    return np.asarray(np.square(moved - kept).sum((1, 2)))
