"""Real words as other speakers in other rooms would have sounded: the keyword world's prior on recorded voices.

The world makes many voices, rooms and microphones out of each synthetic utterance. A recorded take goes the same way:
another length of the vocal tract, other timing, another room and microphone. So few speakers teach what a new one
needs (Jaitly & Hinton 2013, Vocal Tract Length Perturbation; Ko et al. 2017, https://doi.org/10.1109/ICASSP.2017.7953152).
"""

import jax
import numpy as np

from nets.resampling import resample
from sim.voices import voices
from sim.world import Key
from sim.worlds.keyword import PRIOR, RATE_HZ, SPOKEN_LENGTH, hear
from slipway.windows import Values

AT_ONCE = 100  # takes


def spoken(values: Values) -> tuple[np.ndarray, np.ndarray]:
    """What lies between the digital silence of takes (count, 8000, 1), at espeak-ng's rate.

    Returns:
        Waves (count, ``SPOKEN_LENGTH``) int16, filled up with zeros; and how many samples of each are spoken, (count,).
    """
    waves = np.zeros((len(values), SPOKEN_LENGTH), np.int16)
    lengths = np.zeros(len(values), np.float32)
    for start in range(0, len(values), AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        kept = [_sounding(take) for take in values[rows, :, 0]]
        padded = np.stack([np.pad(take, (0, values.shape[1] - len(take))) for take in kept])
        fast = resample(padded[:, :, None], RATE_HZ, float(voices.RATE_HZ))[:, :SPOKEN_LENGTH, 0]
        waves[rows, : fast.shape[1]] = np.clip(np.rint(fast * 32768), -32768, 32767)
        lengths[rows] = [min(round(len(take) * voices.RATE_HZ / RATE_HZ), SPOKEN_LENGTH) for take in kept]
    return waves, lengths


def _sounding(take: np.ndarray) -> np.ndarray:
    """A take (8000,) without the zeros at its ends; one sample of a silent one."""
    places = np.flatnonzero(take)
    return take[places[0] : places[-1] + 1] if len(places) else take[:1]


def heard_again(values: Values, copies: int, key: Key) -> Values:
    """Takes (count, 8000, 1) as ``copies`` other voices, rooms and microphones each: (copies, count, 8000, 1)."""
    waves, lengths = spoken(values)
    made = np.empty((copies, *values.shape), np.float32)
    for copy in range(copies):
        drawing, hearing = jax.random.split(jax.random.fold_in(key, copy))
        parameters = jax.device_get(PRIOR.sample(drawing, len(values)))
        made[copy] = _hear(jax.random.split(hearing, len(values)), parameters, waves, lengths)
    return made


@jax.jit
def _hear(keys: Key, parameters: dict[str, jax.Array], waves: jax.Array, lengths: jax.Array) -> jax.Array:
    made: jax.Array = jax.lax.map(lambda one: hear(*one), (keys, parameters, waves, lengths), batch_size=64)
    return made
