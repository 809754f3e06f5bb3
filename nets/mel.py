"""The numbers of the ``LogMel`` layer: nothing here is learned, everything follows from the record.

Mel scale: mel = 2595 log10(1 + f / 700). Bands are triangles equally spaced on it, over the power spectrum of a Hann
window. The discrete Fourier transform is two columns of cosines and sines for each frequency that some band needs, so
that a frame's spectrum is one matrix product, in JAX as in the exported graph.

Reference: Davis & Mermelstein, Comparison of parametric representations for monosyllabic word recognition, IEEE ASSP
28(4), 1980; O'Shaughnessy, Speech Communication, 1987, for the mel scale.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from nets.layers import LogMel

Floats = npt.NDArray[np.float32]
POWER_FLOOR = 1e-12  # so that silence has a logarithm


@lru_cache(maxsize=8)
def matrices(layer: LogMel) -> tuple[Floats, Floats]:
    """What frames are multiplied by, and what the squares of that are summed with.

    Returns:
        Waves (frame, 2 * bins): cosines, then sines, under the window, so that a full-scale sine has power about 1.
        Bands (2 * bins, bands): triangles over the squares of both, each of sum 1 over the bins.
    """
    hz = np.fft.rfftfreq(layer.frame, 1 / layer.rate_hz)
    edges = _hz(np.linspace(_mel(layer.low_hz), _mel(layer.high_hz), layer.bands + 2))
    left, middle, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    triangles = np.maximum(np.minimum((hz - left) / (middle - left), (right - hz) / (right - middle)), 0)
    if not triangles.any(1).all():
        raise ValueError(
            f"{layer}: some bands lie between two frequencies of a frame; use fewer bands or a longer frame"
        )
    triangles = triangles / triangles.sum(1, keepdims=True)
    needed = np.flatnonzero(triangles.any(0))
    angle = 2 * np.pi * np.outer(np.arange(layer.frame), needed) / layer.frame
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(layer.frame) / layer.frame)
    window = (2 / hann.sum() * hann)[:, None]
    waves = np.concatenate([np.cos(angle) * window, np.sin(angle) * window], axis=1)
    return waves.astype(np.float32), np.tile(triangles[:, needed], 2).T.astype(np.float32)


def _mel(hz: float) -> float:
    return float(2595 * np.log10(1 + hz / 700))


def _hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(700 * (10 ** (mel / 2595) - 1))
