"""A microphone in a room.

The room is the direct sound, a few early reflections and Polack's statistical tail: Gaussian noise under an envelope
that falls by 60 dB in the reverberation time T,

    h(t) = δ(t) + g [ Σᵢ aᵢ δ(t - tᵢ) + c n(t) 10^(-3 t / T) ],

g set so that all but the direct sound has the energy that the direct-to-reverberant ratio says. The capsule is a band
(Butterworth slopes of second order below and above) with a tilt and a ripple. Noise, whose power falls by so many dB an
octave, is added at a signal-to-noise ratio, then mains hum, gain, clipping and the converter's steps. Room and band are
products of spectra.

Reference: Allen & Berkley, Image method for efficiently simulating small-room acoustics, JASA 65(4), 1979, for the
early reflections' delays; Polack, La transmission de l'énergie sonore dans les salles, 1988, for the tail; Kuttruff,
Room Acoustics, 6th ed., ch. 5.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from sim.priors import Choice, LogUniform, Normal, Parameter, Parameters, Uniform
from sim.sensor import Key, Sensor
from sim.sensors.naming import Row, own, prefixed
from sim.sensors.rounding import quantise
from slipway.spec import Channel

REFLECTION_COUNT = 6
KNOT_COUNT = 8  # of the response's ripple
KNOT_HZ = (100.0, 8000.0)  # first and last of them, equally spaced in octaves
TAIL_S = 0.5  # a tail is cut here
SIZE_STEP = 4096  # samples: sizes of transforms are multiples
TILT_HZ = 1000.0  # where a tilt leaves the level alone
HARMONICS = (1, 2, 3)
_QUIET = 1e-12

_ROWS: tuple[Row, ...] = (
    (Parameter("reverberation_s", "s", 0.02, 3.0, "the tail falls by 60 dB in it"), LogUniform(0.05, 0.7)),
    (Parameter("direct_db", "dB", -20.0, 60.0, "energy of the direct sound over the room's"), Uniform(-3.0, 25.0)),
    (Parameter("reflection_s", "s", 5e-4, 0.05, "when the first reflections arrive"), LogUniform(0.001, 0.01)),
    (Parameter("low_hz", "Hz", 1.0, 1000.0, "lower corner of the band, -3 dB"), LogUniform(20.0, 300.0)),
    (Parameter("high_hz", "Hz", 500.0, 1e5, "upper corner of the band, -3 dB"), LogUniform(2500.0, 8000.0)),
    (Parameter("tilt_db", "dB", -12.0, 12.0, "rise of the response, an octave"), Normal(0.0, 2.0, -5.0, 5.0)),
    (
        Parameter("ripple_db", "dB", -40.0, 40.0, "response at frequencies spread over the band", KNOT_COUNT),
        Normal(0.0, 4.0, -12.0, 12.0),
    ),
    (Parameter("noise_db", "dB", -20.0, 100.0, "speech over noise"), Uniform(10.0, 60.0)),
    (Parameter("noise_fall_db", "dB", -6.0, 12.0, "fall of the noise, an octave: 0 white, 3 pink"), Uniform(0.0, 6.0)),
    (Parameter("hum_db", "dB", 0.0, 120.0, "speech over mains hum"), Uniform(20.0, 80.0)),
    (Parameter("hum_hz", "Hz", 40.0, 70.0, "frequency of the mains"), Choice((50.0, 60.0), (1.0, 1.0))),
    (Parameter("level_db", "dB", -80.0, 20.0, "root mean square, full scale is 0"), Uniform(-48.0, -14.0)),
    (Parameter("clip", "1", 0.001, 1.0, "where the amplifier clips, as a share of full scale"), Uniform(0.7, 1.0)),
    (Parameter("bits", "1", 4.0, 24.0, "of the converter"), Choice((8.0, 12.0, 16.0), (0.05, 0.05, 0.9))),
)  # fmt: skip


def microphone(*, rate_hz: float = 8000.0, name: str = "mic", channel: str = "sound") -> Sensor:
    """A microphone, the room around it and its converter.

    Truth: the sound pressure at the mouth (time,), in any unit; ``level_db`` sets what full scale is.

    Args:
        rate_hz: of truth and reading.
        name: prefix of its parameters.
        channel: of its reading, in shares of full scale.
    """

    parameters, distributions = prefixed(name, _ROWS)

    def measure(truth: jax.Array, values: Parameters, key: Key) -> jax.Array:
        return _record(truth, own(name, _ROWS, values), key, rate_hz)[:, None]

    return Sensor(
        name=name,
        channels=(Channel(channel, "1"),),
        rate_hz=rate_hz,
        parameters=parameters,
        distributions=distributions,
        measure=measure,
        example=lambda key, count: _example(key, count, rate_hz),
        reference="Allen & Berkley, JASA 65(4), 1979; Polack 1988; Kuttruff, Room Acoustics, 6th ed., ch. 5",
        differentiable=tuple(f"{name}_{bare}" for bare in ("direct_db", "tilt_db", "noise_db", "level_db")),
    )


def _record(sound: jax.Array, p: Parameters, key: Key, rate_hz: float) -> jax.Array:
    """Reading (time,) float32 in shares of full scale."""
    time = sound.shape[0]
    size = -(-(time + int(TAIL_S * rate_hz)) // SIZE_STEP) * SIZE_STEP  # room for the tail, and quick to transform
    rooms, noises = jax.random.split(key)
    band = _band(size, rate_hz, p)
    room = jnp.fft.rfft(_room(rooms, int(TAIL_S * rate_hz), rate_hz, p), size)
    heard = jnp.fft.irfft(jnp.fft.rfft(sound, size) * room * band, size)[:time]
    white = jnp.fft.rfft(jax.random.normal(noises, (time,)), size)
    hiss = jnp.fft.irfft(white * _fall(size, rate_hz, p) * band, size)[:time]
    level = _rms(heard)
    heard = heard + hiss / _rms(hiss) * level * _factor(-p["noise_db"])
    heard = heard + _hum(time, rate_hz, p) * level * _factor(-p["hum_db"])
    return _convert(heard / level * _factor(p["level_db"]), p)


def _room(key: Key, size: int, rate_hz: float, p: Parameters) -> jax.Array:
    """Impulse response (size,), 1 at time 0."""
    tails, times, strengths = jax.random.split(key, 3)
    seconds = np.arange(size, dtype=np.float32) / np.float32(rate_hz)
    fall = 10 ** (-3 * seconds / p["reverberation_s"])
    tail = jnp.where(seconds > p["reflection_s"], jax.random.normal(tails, (size,)) * fall, 0.0)
    delay = p["reflection_s"] * (1 + 4 * jax.random.uniform(times, (REFLECTION_COUNT,)))
    place = jnp.clip(jnp.round(delay * rate_hz).astype(jnp.int32), 1, size - 1)
    strength = jax.random.normal(strengths, (REFLECTION_COUNT,)) * jnp.sqrt(jnp.sum(tail**2) / REFLECTION_COUNT)
    around = tail.at[place].add(strength)
    energy = jnp.sum(around**2) + _QUIET
    return (around * jnp.sqrt(10 ** (-p["direct_db"] / 10) / energy)).at[0].set(1.0)


def _band(size: int, rate_hz: float, p: Parameters) -> jax.Array:
    """Gain at each frequency of a transform of ``size`` samples."""
    hz = jnp.asarray(_frequencies(size, rate_hz))
    below = 1 / jnp.sqrt(1 + (p["low_hz"] / hz) ** 4)
    above = 1 / jnp.sqrt(1 + (hz / p["high_hz"]) ** 4)
    knots = jnp.linspace(*np.log2(KNOT_HZ), KNOT_COUNT)
    ripple = jnp.interp(jnp.log2(hz), knots, jnp.broadcast_to(p["ripple_db"], (KNOT_COUNT,)))
    gain = below * above * _factor(p["tilt_db"] * jnp.log2(hz / TILT_HZ) + ripple)
    return jax.lax.complex(gain, jnp.zeros_like(gain))


def _fall(size: int, rate_hz: float, p: Parameters) -> jax.Array:
    """Gain that makes white noise fall with frequency; 1 at ``TILT_HZ``."""
    hz = np.maximum(_frequencies(size, rate_hz), 50.0).astype(np.float32)
    fall = _factor(-p["noise_fall_db"] * np.log2(hz / np.float32(TILT_HZ)))
    return jax.lax.complex(fall, jnp.zeros_like(fall))


def _hum(time: int, rate_hz: float, p: Parameters) -> jax.Array:
    """Mains and two harmonics, root mean square about 1."""
    seconds = np.arange(time, dtype=np.float32) / np.float32(rate_hz)
    return sum((jnp.sin(2 * math.pi * n * p["hum_hz"] * seconds) / n for n in HARMONICS), jnp.zeros(time))


def _convert(volts: jax.Array, p: Parameters) -> jax.Array:
    """Clipping and the converter's steps."""
    clipped = jnp.clip(volts, -p["clip"], p["clip"])
    return jnp.clip(quantise(clipped, 2 ** (1 - p["bits"])), -1.0, 1.0)


def _frequencies(size: int, rate_hz: float) -> np.ndarray:
    """Hz of each bin, the first moved from 0 to half a bin so that a tilt stays finite."""
    hz = np.fft.rfftfreq(size, 1 / rate_hz)
    return np.maximum(hz, hz[1] / 2).astype(np.float32)


def _factor(db: jax.Array) -> jax.Array:
    return 10 ** (db / 20)


def _rms(signal: jax.Array) -> jax.Array:
    return jnp.sqrt(jnp.mean(signal**2) + _QUIET)


def _example(key: Key, count: int, rate_hz: float) -> jax.Array:
    """A vowel-like buzz: harmonics of 120 Hz under a bell in time, and a little breath."""
    seconds = np.arange(count, dtype=np.float32) / np.float32(rate_hz)
    partials = sum(np.sin(2 * np.pi * 120 * n * seconds) / n for n in range(1, 12))
    middle = count / 2 / rate_hz
    bell = np.exp(-(((seconds - middle) / (0.5 * middle)) ** 2)).astype(np.float32)
    return jnp.asarray(np.float32(partials) * bell) + 0.01 * jax.random.normal(key, (count,))
