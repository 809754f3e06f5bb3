"""What can be put behind any sensor: each takes a ``Sensor`` and returns one, so they nest in any order.

All act on the sensor's reading, as a bus, a driver or a logger would. ``delayed`` and ``jittered`` read between samples
on straight lines, so the sensor's own white noise loses up to 3 dB half-way between two samples. A parameter that a
combinator adds carries the sensor's name in front.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np

from sim.priors import Distribution, LogUniform, Parameter, Parameters, Uniform
from sim.sensor import Key, Sensor
from sim.sensors.rounding import quantise
from slipway.errors import Reason, Refused

Change = Callable[[jax.Array, jax.Array, Key], jax.Array]  # (reading, the parameter's value, key) → reading
LOBES = 8  # of the resampling filter, each side
DELAY_S = Uniform(0.0, 0.02)
JITTER_S = LogUniform(1e-5, 2e-3)
LOST_SHARE = LogUniform(1e-4, 0.05)


def delayed(sensor: Sensor, delay: Distribution = DELAY_S) -> Sensor:
    """Readings ``<name>_delay_s`` late, any fraction of a sample; before the first arrives, it is shown already."""
    parameter = Parameter("delay_s", "s", 0.0, 10.0, "age of a reading when it is taken down")

    def change(reading: jax.Array, delay_s: jax.Array, key: Key) -> jax.Array:
        return _between_samples(reading, _numbers(reading) - delay_s * sensor.rate_hz)

    return _behind(sensor, parameter, delay, change, differentiable=True)


def jittered(sensor: Sensor, deviation: Distribution = JITTER_S) -> Sensor:
    """Samples taken off their nominal times by ``<name>_jitter_s`` (normal, cut at half a period: order is kept)."""
    parameter = Parameter("jitter_s", "s", 0.0, 10.0, "deviation of a sample's time from its nominal one")

    def change(reading: jax.Array, jitter_s: jax.Array, key: Key) -> jax.Array:
        early = jitter_s * sensor.rate_hz * jax.random.normal(key, (len(reading),))
        return _between_samples(reading, _numbers(reading) - jnp.clip(early, -0.5, 0.5))

    return _behind(sensor, parameter, deviation, change)


def dropping(sensor: Sensor, share: Distribution = LOST_SHARE) -> Sensor:
    """Samples lost, all channels at once, with a chance of ``<name>_lost_share``; the last one is shown again."""
    parameter = Parameter("lost_share", "1", 0.0, 1.0, "share of samples lost, each by its own chance")

    def change(reading: jax.Array, lost_share: jax.Array, key: Key) -> jax.Array:
        number = jnp.arange(len(reading))
        kept = (jax.random.uniform(key, (len(reading),)) >= lost_share) | (number == 0)
        return reading[jax.lax.cummax(jnp.where(kept, number, 0))]

    return _behind(sensor, parameter, share, change)


def quantised(sensor: Sensor, step: Distribution, unit: str | None = None) -> Sensor:
    """Readings in multiples of ``<name>_step_<unit>``.

    Args:
        step: in the unit of the channels it acts on.
        unit: acts on the channels of this unit; None for all, if they have one unit.

    Raises:
        Refused: FIELD_INVALID: no channel has the unit, or they differ and none is named.
    """
    unit, there = _channels_of(sensor, unit)
    parameter = Parameter(f"step_{_flat(unit)}".removesuffix("_"), unit, 1e-9, 1e9, "step of a reading")

    def change(reading: jax.Array, step: jax.Array, key: Key) -> jax.Array:
        return jnp.where(there, quantise(reading, step), reading)

    return _behind(sensor, parameter, step, change)


def saturated(sensor: Sensor, limit: Distribution, unit: str | None = None) -> Sensor:
    """Readings held within plus and minus ``<name>_limit_<unit>``; arguments and refusals as ``quantised``."""
    unit, there = _channels_of(sensor, unit)
    parameter = Parameter(f"limit_{_flat(unit)}".removesuffix("_"), unit, 0.0, 1e9, "largest reading either way")

    def change(reading: jax.Array, limit: jax.Array, key: Key) -> jax.Array:
        return jnp.where(there, jnp.clip(reading, -limit, limit), reading)

    return _behind(sensor, parameter, limit, change)


def resampled(sensor: Sensor, rate_hz: float) -> Sensor:
    """Readings at another rate, anti-aliased; no parameter is added.

    The filter is a sinc under a Hann window, ``LOBES`` lobes each side, cut off at half the lower of the two rates:
    6 dB down there, over 40 dB from 1.15 times that on. At the ends the first and last reading are held.

    Raises:
        Refused: FIELD_INVALID: the rate is not over zero.
    """
    if not 0 < rate_hz < math.inf:
        _refuse("rate_hz", "must be over 0", rate_hz, "Give the samples a second that are wanted.")
    stride = sensor.rate_hz / rate_hz  # old samples a new one

    def measure(truth: object, parameters: Parameters, key: Key) -> jax.Array:
        reading = sensor.measure(truth, parameters, key)
        numbers, weights = _filter(len(reading), stride)
        return jnp.einsum("ntc,nt->nc", reading[numbers], jnp.asarray(weights))

    def example(key: Key, sample_count: int) -> object:
        return sensor.example(key, math.ceil((sample_count - 1) * stride - 1e-6) + 1)

    return replace(sensor, rate_hz=rate_hz, measure=measure, example=example)


def _filter(count: int, stride: float) -> tuple[np.ndarray, np.ndarray]:
    """For each new sample the old ones it is made of and their weights, both (new samples, taps)."""
    wide = max(1.0, stride)
    centres = np.arange(math.floor((count - 1) / stride + 1e-6) + 1) * stride
    reach = math.ceil(LOBES * wide)
    numbers = np.floor(centres)[:, None].astype(int) + np.arange(1 - reach, reach + 1)
    away = (numbers - centres[:, None]) / wide
    weights = np.sinc(away) * np.cos(np.clip(away / LOBES, -1, 1) * math.pi / 2) ** 2
    weights /= weights.sum(axis=1, keepdims=True)
    return np.clip(numbers, 0, count - 1), weights.astype(np.float32)


def _behind(
    sensor: Sensor, parameter: Parameter, distribution: Distribution, change: Change, differentiable: bool = False
) -> Sensor:
    """The sensor with one parameter more and its reading changed by it."""
    added = replace(parameter, name=f"{sensor.name}_{parameter.name}")
    if added.name in sensor.distributions:
        _refuse(added.name, "stands twice", f"a sensor that has {added.name}", "Put this behind a sensor once.")

    def measure(truth: object, parameters: Parameters, key: Key) -> jax.Array:
        inner, outer = jax.random.split(key)
        return change(sensor.measure(truth, parameters, inner), parameters[added.name], outer)

    return replace(
        sensor,
        parameters=(*sensor.parameters, added),
        distributions={**sensor.distributions, added.name: distribution},
        measure=measure,
        differentiable=(*sensor.differentiable, added.name) if differentiable else sensor.differentiable,
    )


def _numbers(reading: jax.Array) -> jax.Array:
    return jnp.arange(len(reading), dtype=jnp.float32)


def _between_samples(reading: jax.Array, places: jax.Array) -> jax.Array:
    """Readings at ``places`` (time,) counted in samples, on straight lines; the ends are held."""
    last = len(reading) - 1
    within = jnp.clip(places, 0.0, float(last))
    left = jnp.minimum(jnp.floor(within).astype(jnp.int32), max(last - 1, 0))
    share = (within - left.astype(jnp.float32))[:, None]
    return reading[left] * (1 - share) + reading[jnp.minimum(left + 1, last)] * share


def _channels_of(sensor: Sensor, unit: str | None) -> tuple[str, jax.Array]:
    """The unit asked for and which channels have it, (1, channels)."""
    units = list(dict.fromkeys(channel.unit for channel in sensor.channels))
    if unit is None and len(units) > 1:
        _refuse("unit", f"{sensor.name} has channels of several units", units, "Name the unit it acts on.")
    if unit is not None and unit not in units:
        _refuse("unit", f"{sensor.name} has no such channel", unit, f"Use one of {', '.join(units)}.")
    chosen = unit or units[0]
    return chosen, jnp.array([[channel.unit == chosen for channel in sensor.channels]])


def _flat(unit: str) -> str:
    """A unit as names end in it: ``m/s2`` → ``m_s2``, nothing for a pure number."""
    return "" if unit == "1" else unit.replace("/", "_").replace(".", "_").lower()


def _refuse(field: str, problem: str, found: object, remedy: str) -> None:
    raise Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=found, remedy=remedy)
