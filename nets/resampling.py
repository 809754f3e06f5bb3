"""Windows at another rate: band-limited interpolation by a windowed sinc.

Every sample to be is a weighted sum of the samples around its moment. When the rate falls, the weights stretch and so
keep out what the new rate cannot hold. For a ratio of whole numbers this is the polyphase filter; any ratio will do.

Reference: Smith, Digital Audio Resampling, https://ccrma.stanford.edu/~jos/resample/.
"""

import numpy as np
import numpy.typing as npt

from slipway.windows import Values

CROSSINGS = 12  # zero crossings of the sinc on either side
KAISER = 8.0  # shape of the window over them: side lobes at -80 dB
PASSED = 0.92  # share of the lower Nyquist frequency that is kept whole when the rate falls
CLOSE = 1e-9  # rates this near are one rate


def same_rate(given_hz: float, wanted_hz: float) -> bool:
    """Whether two rates differ by rounding only."""
    return abs(given_hz - wanted_hz) <= CLOSE * max(given_hz, wanted_hz)


def resampled_count(count: int, given_hz: float, wanted_hz: float) -> int:
    """How many samples at ``wanted_hz`` the time of ``count`` samples at ``given_hz`` holds."""
    return int(np.floor(count * wanted_hz / given_hz + 1e-6))


def resample(values: Values, given_hz: float, wanted_hz: float) -> Values:
    """Windows (count, time, channels) sampled at ``wanted_hz``; the first samples coincide.

    Beyond its ends a window goes on as its mirror image about the end point, so that values and slopes are continuous.

    Args:
        values: (count, time, channels) at ``given_hz``.
        given_hz: samples a second.
        wanted_hz: likewise.

    Returns:
        (count, ``resampled_count``, channels).
    """
    if same_rate(given_hz, wanted_hz):
        return values
    band = min(1.0, PASSED * wanted_hz / given_hz)  # of the given Nyquist frequency
    reach = int(np.ceil(CROSSINGS / band))
    places = np.arange(resampled_count(values.shape[1], given_hz, wanted_hz)) * (given_hz / wanted_hz)
    first = np.floor(places).astype(int)
    padded = np.pad(values, ((0, 0), (reach, reach + 1), (0, 0)), mode="reflect", reflect_type="odd")
    made = np.zeros((len(values), len(places), values.shape[2]), np.float64)
    total = np.zeros(len(places))
    for tap in range(1 - reach, reach + 1):
        weights = _weights(first + tap - places, band, reach)
        made += weights[:, None] * padded[:, first + tap + reach]
        total += weights
    return np.asarray(made / total[:, None], np.float32)


def _weights(away: npt.NDArray[np.float64], band: float, reach: int) -> npt.NDArray[np.float64]:
    """A sinc of ``band`` under a Kaiser window, ``away`` samples from its middle."""
    inside = np.clip(1 - np.square(away / reach), 0.0, 1.0)
    return np.asarray(np.sinc(band * away) * np.i0(KAISER * np.sqrt(inside)))
