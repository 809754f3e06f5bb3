"""The numbers of the ``Spectrum`` layer: nothing here is learned, everything follows from the record.

The discrete Fourier transform of a Hann window is one matrix product, in JAX as in the exported graph; so is the sum of
neighbouring frequencies.

Reference: Welch 1967, https://doi.org/10.1109/TAU.1967.1161901, for the averaged power of windowed frames.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from nets.front_records import Spectrum

Floats = npt.NDArray[np.float32]


@lru_cache(maxsize=8)
def matrices(layer: Spectrum) -> tuple[Floats, Floats]:
    """What frames are multiplied by, and what the squares of that are summed with.

    Returns:
        Waves (frame, 2 * frequencies): cosines, then sines, under the window, so that a sine of amplitude 1 has power
        about 1; their columns sum to zero, which takes a frame's mean out. The frequencies leave out zero.
        Bins (2 * frequencies, bins): ones where a frequency belongs to a bin, over the number of its frequencies.
    """
    frequencies = np.arange(1, layer.frame // 2 + 1)
    angle = 2 * np.pi * np.outer(np.arange(layer.frame), frequencies) / layer.frame
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(layer.frame) / layer.frame)
    waves = np.concatenate([np.cos(angle), np.sin(angle)], axis=1) * (2 / hann.sum() * hann)[:, None]
    member = np.arange(layer.bins)[None] == (np.arange(len(frequencies)) * layer.bins // len(frequencies))[:, None]
    bins = np.tile(member / member.sum(0), (2, 1))
    return (waves - waves.mean(0)).astype(np.float32), bins.astype(np.float32)
