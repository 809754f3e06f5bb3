"""Allan deviation: which noise a still sensor has, told apart by how the mean of its reading wanders with time.

White noise of density N gives N / sqrt(tau), a random walk of the bias K sqrt(tau / 3); a recording's curve on
logarithmic axes shows the one as slope -1/2 and the other as slope +1/2.

Reference: IEEE Std 952-1997 annex C; Riley, Handbook of Frequency Stability Analysis, NIST SP 1065, 2008, 5.2.4.
"""

import numpy as np
import numpy.typing as npt

from slipway.errors import Reason, Refused

Floats = npt.NDArray[np.float64]


def allan_deviation(values: npt.ArrayLike, spans: npt.ArrayLike) -> Floats:
    """Overlapping Allan deviation of each channel.

    With m samples a span and X the running sum of the reading, it is the root of half the mean square of
    (X[k + 2m] - 2 X[k + m] + X[k]) / m over all k.

    Args:
        values: readings (time, ...) of a sensor at rest.
        spans: samples averaged, m, each from 1 to half the readings; tau is m over the rate.

    Returns:
        (spans, ...) in the unit of the readings.

    Raises:
        Refused: FIELD_INVALID: a span too short or too long.
    """
    lengths = np.asarray(spans, np.int64).reshape(-1)
    readings = np.asarray(values, np.float64)
    longest = len(readings) // 2
    if lengths.min() < 1 or lengths.max() > longest:
        raise Refused(
            Reason.FIELD_INVALID,
            field="spans",
            problem=f"must lie in 1 to {longest}",
            found=f"{lengths.min()} to {lengths.max()}",
            remedy="Average over less, or record for longer.",
        )
    sums = np.concatenate([np.zeros_like(readings[:1]), np.cumsum(readings - readings.mean(axis=0), axis=0)])
    return np.stack([_deviation(sums, m) for m in lengths.tolist()])


def _deviation(sums: Floats, m: int) -> Floats:
    change = (sums[2 * m :] - 2 * sums[m:-m] + sums[: -2 * m]) / m
    found: Floats = np.sqrt(np.mean(change**2, axis=0) / 2)
    return found
