"""Read a signal between its samples.

Reference: Smith, Digital Audio Resampling, https://ccrma.stanford.edu/~jos/resample/: a windowed sinc from a table.
"""

import jax
import jax.numpy as jnp
import numpy as np

TAPS = 16
PHASES = 64


def resample(signal: jax.Array, places: jax.Array, band: float) -> jax.Array:
    """Band-limited values of ``signal`` (samples,) at fractional ``places`` (n,), in samples.

    Args:
        signal: beyond its ends it is what its ends are.
        places: where to read.
        band: highest frequency that is kept, as a share of the signal's own; below 1 when fewer samples come out.
    """
    table = jnp.asarray(_table(band))
    first = jnp.floor(places)
    phase = jnp.clip(((places - first) * PHASES).astype(jnp.int32), 0, PHASES - 1)
    index = first.astype(jnp.int32)[:, None] + jnp.arange(1 - TAPS // 2, 1 + TAPS // 2)[None, :]
    return jnp.sum(signal[jnp.clip(index, 0, signal.shape[0] - 1)] * table[phase], axis=1)


def _table(band: float) -> np.ndarray:
    """Weights (phases, taps): a sinc of ``band`` under a Hann window, each row of sum 1."""
    away = np.arange(1 - TAPS // 2, 1 + TAPS // 2) - (np.arange(PHASES)[:, None] + 0.5) / PHASES
    rows = np.sinc(band * away) * np.cos(np.pi * away / (TAPS + 1)) ** 2
    return (rows / rows.sum(1, keepdims=True)).astype(np.float32)
