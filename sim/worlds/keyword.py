"""One of ten spoken digits within a second of sound at 8 kHz.

A synthetic voice (espeak-ng: accent, speaker, speed, pitch, intonation) says a digit. The waveform is read faster or
slower, which moves its formants as another length of the vocal tract would, and its pitch along with them; it is warped
in time, so that its sounds change their lengths; placed within the second; and heard by a microphone in a room. A
recorder may keep the spoken part alone and leave digital silence around it.

Reference: Jaitly & Hinton, Vocal Tract Length Perturbation (VTLP) improves speech recognition, ICML 2013 workshop, for
the formants; ``sim.voices`` and ``sim.sensors.microphone`` for the rest.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from sim.priors import Choice, Distribution, LogUniform, Normal, Parameter, Parameters, Prior, Uniform
from sim.sensors.microphone import microphone
from sim.voices import voices, words
from sim.voices.resampling import resample
from sim.world import Key, Made, World
from slipway.spec import SensorSpec, TaskSpec

RATE_HZ = 8000.0
WINDOW_LENGTH = 8000
SPOKEN_LENGTH = 24_000  # samples of espeak-ng's rate that are kept of an utterance
AT_ONCE = 64  # flights
BLEND_S = 0.005  # over which a recorder fades in and out
MICROPHONE = microphone(rate_hz=RATE_HZ)

TASK = TaskSpec("keyword", SensorSpec(MICROPHONE.channels, RATE_HZ, WINDOW_LENGTH), words.ENGLISH)


def _any(count: int) -> Choice:
    return Choice(tuple(range(count)), (1.0,) * count)


VOICE_PARAMETERS = (
    Parameter("accent", "1", 0.0, len(words.ACCENTS) - 1, "row of sim.voices.words.ACCENTS"),
    Parameter("variant", "1", 0.0, len(words.VARIANTS) - 1, "row of sim.voices.words.VARIANTS"),
    Parameter("speed_wpm", "1/min", 80.0, 450.0, "words a minute"),
    Parameter("pitch", "1", 0.0, 100.0, "of espeak-ng, 50 is the voice's own"),
    Parameter("spread", "1", 0.0, 100.0, "of espeak-ng: how far the pitch moves, 50 is the voice's own"),
    Parameter("loose_share", "1", 0.0, 1.0, "share of English voices that move a sound or two"),
    Parameter("formant_share", "1", 0.6, 1.6, "formants and pitch moved by this factor, the utterance shorter by it"),
    Parameter("warp", "1", -0.9, 0.9, "beginning spoken slower (over 0) or faster than the end"),
    Parameter("place", "1", 0.0, 1.0, "where in the second the word lies, 0.5 is its middle"),
    Parameter("cut_share", "1", 0.0, 1.0, "share of recordings with digital silence around the word"),
    Parameter("margin_s", "s", -0.2, 0.5, "sound that such a recording keeps on either side"),
)
DISTRIBUTIONS: dict[str, Distribution] = {
    "accent": _any(len(words.ACCENTS)),
    "variant": _any(len(words.VARIANTS)),
    "speed_wpm": LogUniform(100.0, 300.0),
    "pitch": Uniform(0.0, 80.0),
    "spread": Uniform(0.0, 90.0),
    "loose_share": Choice((0.0, 1.0), (0.7, 0.3)),
    "formant_share": Normal(1.0, 0.12, 0.75, 1.3),
    "warp": Normal(0.0, 0.25, -0.6, 0.6),
    "place": Uniform(0.3, 0.7),
    "cut_share": Choice((0.0, 1.0), (0.2, 0.8)),
    "margin_s": Uniform(-0.05, 0.08),
    **MICROPHONE.distributions,
}
PARAMETERS = (*VOICE_PARAMETERS, *MICROPHONE.parameters)
PRIOR = Prior(PARAMETERS, tuple(DISTRIBUTIONS[parameter.name] for parameter in PARAMETERS))


def utterances(parameters: Parameters, digits: Sequence[int]) -> list[voices.Utterance]:
    """What espeak-ng is asked to say for each set of parameters (flights,)."""
    names = ("accent", "variant", "speed_wpm", "pitch", "spread", "loose_share")
    columns = (np.rint(np.asarray(parameters[name])).astype(int).tolist() for name in names)
    return [_utterance(*row) for row in zip(digits, *columns, strict=True)]


def _utterance(
    digit: int, accent: int, variant: int, speed: int, pitch: int, spread: int, loose: int
) -> voices.Utterance:
    tongue = words.ACCENTS[accent]
    voice = words.voice(tongue, words.VARIANTS[variant])
    return voices.Utterance(voice, words.spelled(tongue, digit, bool(loose)), speed, pitch, spread)


def simulate(key: Key, parameters: Parameters) -> Made:
    """One window a flight; see ``World``."""
    count = len(parameters["accent"])
    choosing, hearing = jax.random.split(key)
    digits = jax.random.permutation(choosing, jnp.arange(count, dtype=jnp.int32) % len(words.ENGLISH))
    said = voices.say(utterances(parameters, np.asarray(digits).tolist()))
    spoken = np.zeros((count, SPOKEN_LENGTH), np.int16)
    for row, wave in zip(spoken, said, strict=True):
        row[: len(wave)] = wave[:SPOKEN_LENGTH]
    lengths = np.minimum([len(wave) for wave in said], SPOKEN_LENGTH).astype(np.float32)
    return _hear_all(jax.random.split(hearing, count), parameters, spoken, lengths), digits


def hear(key: Key, p: Parameters, spoken: jax.Array, length: jax.Array) -> jax.Array:
    """One window (time, 1) of one utterance.

    Args:
        key: chance of room and noise.
        p: one value of each of ``PARAMETERS``.
        spoken: (samples,) at espeak-ng's rate, int16, filled up with zeros.
        length: samples that are spoken.
    """
    duration = length / voices.RATE_HZ / p["formant_share"]  # s
    room = 1.0 - duration
    start = jnp.where(room > 0, room * p["place"], room * 0.5)
    seconds = jnp.arange(WINDOW_LENGTH, dtype=jnp.float32) / RATE_HZ
    share = jnp.clip((seconds - start) / duration, 0.0, 1.0)
    share = share + p["warp"] * share * (1 - share)
    inside = (seconds >= start) & (seconds <= start + duration)
    voice = resample(spoken.astype(jnp.float32) / 32768, share * length, RATE_HZ / voices.RATE_HZ)
    sound = jnp.where(inside, voice, 0.0)
    reading = MICROPHONE.measure(sound, p, key)
    inside_by = jnp.minimum(seconds - start, start + duration - seconds) + p["margin_s"]
    kept = jnp.where(p["cut_share"] > 0.5, jnp.clip(inside_by / BLEND_S, 0.0, 1.0), 1.0)
    return reading * kept[:, None]


@jax.jit
def _hear_all(keys: Key, parameters: Parameters, spoken: jax.Array, lengths: jax.Array) -> jax.Array:
    """``hear`` for every flight, so many at a time that they stay in the processor's cache."""
    return jax.lax.map(lambda one: hear(*one), (keys, parameters, spoken, lengths), batch_size=AT_ONCE)


WORLD = World("keyword", TASK, PRIOR, simulate)
