"""What a set of windows says about the device that made it, as a fixed number of statistics whatever the sensor.

Every statistic belongs to one channel and has a name, so that a test can say which channel is wrong, and in what.
Physics is fitted to them by simulation alone: Marin, Pudlo, Robert & Ryder, Approximate Bayesian Computational Methods,
Statistics and Computing 22, 2012, https://doi.org/10.1007/s11222-011-9288-2.
"""

from functools import lru_cache
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from slipway.windows import Values

QUANTILES = (0.0, 0.02, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 1.0)
LAGS = (1, 2, 4, 8)  # samples
PARTNERS = 6  # channels that follow, in a ring, with which each channel is compared
PAIR = "correlation"  # what the names of statistics of two channels begin with
LEAST_SPECTRUM = 8  # samples of a window from which a spectrum says more than differences

Statistics = dict[str, jax.Array]  # name → (channels,)


def named(flights: jax.Array) -> Statistics:
    """Statistics of a recording of any number of flights.

    Args:
        flights: (flights, windows, time, channels): stretches that are whole in time. Windows of one sample that follow
            one another are read as one signal.

    Returns:
        ``{name: (channels,)}``; which names depends on windows, time and channels, not on the number of flights.
    """
    flights = flights.astype(jnp.float32)
    samples = flights.reshape(-1, flights.shape[-1])
    signals = flights[:, :, 0] if flights.shape[2] == 1 else flights.reshape(-1, *flights.shape[2:])
    spread = jnp.std(samples, axis=0)
    return {
        **_levels(samples, spread),
        **_changes(signals, spread),
        **_spectrum(signals),
        **_pairs(samples, spread),
        **_wandering(flights, signals, spread),
    }


def summaries(flights: jax.Array) -> jax.Array:
    """``named`` as an array (channels, statistics), in the order of ``names``."""
    return jnp.stack(list(named(flights).values()), axis=1)


@lru_cache(maxsize=64)  # a test of reach asks for every recording
def names(flight_shape: tuple[int, int, int]) -> tuple[str, ...]:
    """Names of the statistics of flights of (windows, time, channels)."""
    found: list[str] = []
    one = jax.ShapeDtypeStruct((2, *flight_shape), jnp.float32)
    jax.eval_shape(lambda flights: found.extend(named(flights)), one)  # traced, not computed
    return tuple(found)


def of_recording(values: Values, window_count: int, flight_count: int) -> npt.NDArray[np.float32]:
    """Statistics of a recording as those of simulated ones that are shorter.

    Some statistics, the largest value among them, depend on how much was recorded. So the recording is dealt into as
    many hands of ``flight_count`` flights as it holds, each reaching from its beginning to its end, and their
    statistics are averaged: the more is recorded, the less noise.

    Args:
        values: (count, time, channels), in the order of time.
        window_count: consecutive windows that count as one flight.
        flight_count: flights of a simulated recording; the recording holds at least as many.

    Returns:
        (channels, statistics).
    """
    hands = len(values) // (window_count * flight_count)
    whole = values[: hands * window_count * flight_count]
    dealt = whole.reshape(flight_count, hands, window_count, *values.shape[1:]).swapaxes(0, 1)
    return np.mean([_summaries(jnp.asarray(hand)) for hand in dealt], axis=0)


_summaries = jax.jit(summaries)


def _levels(samples: jax.Array, spread: jax.Array) -> Statistics:
    """Where the samples lie, and which share of them sticks to the ends."""
    ordered = jnp.sort(samples, axis=0)
    places = [round(q * (len(ordered) - 1)) for q in QUANTILES]
    near = 1e-4 * spread
    return {
        "mean": jnp.mean(samples, axis=0),
        "log deviation": _log(spread),
        **{f"{q:.0%} quantile": ordered[place] for q, place in zip(QUANTILES, places, strict=True)},
        "share at the lowest value": _share(samples <= (ordered[0] + near)[None]),
        "share at the highest value": _share(samples >= (ordered[-1] - near)[None]),
    }


def _changes(signals: jax.Array, spread: jax.Array) -> Statistics:
    """How far samples some lags apart differ: geometric, arithmetic and quadratic mean, for noise, motion and jumps."""
    length = signals.shape[1]
    changes = {f"{lag} samples": signals[:, lag:] - signals[:, :-lag] for lag in LAGS if lag < length}
    if length > 2:
        changes["bend"] = signals[:, 2:] - 2 * signals[:, 1:-1] + signals[:, :-2]
    found: Statistics = {}
    for name, change in changes.items():
        size = jnp.abs(change)
        least = 1e-3 * spread[None, None] + 1e-12
        found[f"typical change over {name}"] = jnp.mean(jnp.log(size + least), axis=(0, 1))
        found[f"mean change over {name}"] = _log(jnp.mean(size, axis=(0, 1)))
        found[f"largest changes over {name}"] = _log(jnp.sqrt(jnp.mean(size * size, axis=(0, 1))))
    if length > 1:
        repeats = jnp.diff(signals, axis=1) == 0
        found["share of repeated samples"] = _share(repeats.reshape(-1, repeats.shape[-1]))
    return found


def _spectrum(signals: jax.Array) -> Statistics:
    """Logarithm of the power in octaves, from the slowest that fits into a signal up to half its rate."""
    length = signals.shape[1]
    if length < LEAST_SPECTRUM:
        return {}
    taper = jnp.asarray(np.hanning(length + 1)[:-1], jnp.float32)
    level = jnp.mean(signals, axis=1, keepdims=True)
    power = jnp.mean(jnp.abs(jnp.fft.rfft((signals - level) * taper[None, :, None], axis=1)) ** 2, axis=0)
    edges = [1]
    while edges[-1] < len(power):
        edges.append(min(2 * edges[-1], len(power)))
    bands = pairwise(edges)
    return {f"power in octave {n}": _log(jnp.mean(power[a:b], axis=0)) for n, (a, b) in enumerate(bands, 1)}


def _pairs(samples: jax.Array, spread: jax.Array) -> Statistics:
    """Correlation of each channel with those that follow it."""
    scaled = (samples - jnp.mean(samples, axis=0)[None]) / jnp.maximum(spread, 1e-9)[None]
    partners = range(1, min(samples.shape[1] - 1, PARTNERS) + 1)
    return {f"{PAIR} {n} on": jnp.mean(scaled * jnp.roll(scaled, -n, axis=1), axis=0) for n in partners}


def _wandering(flights: jax.Array, signals: jax.Array, spread: jax.Array) -> Statistics:
    """How much one flight differs from the next: in level, in spread and in pace."""
    level, own = jnp.mean(flights, axis=(1, 2)), jnp.std(flights, axis=(1, 2))
    share = own / jnp.maximum(spread, 1e-9)[None]
    found = {
        "log deviation of the level between flights": _log(jnp.std(level, axis=0)),
        "spread within a flight": jnp.mean(share, axis=0),
        "deviation of the spread between flights": jnp.std(share, axis=0),
    }
    if signals.shape[1] > 1:
        change = jnp.mean(jnp.abs(jnp.diff(signals, axis=1)), axis=1).reshape(len(flights), -1, signals.shape[-1])
        pace = jnp.mean(change, axis=1) / jnp.maximum(own, 1e-9)
        found["deviation of the pace between flights"] = jnp.std(pace, axis=0)
    return found


def _share(flags: jax.Array) -> jax.Array:
    return jnp.mean(flags.astype(jnp.float32), axis=0)


def _log(size: jax.Array) -> jax.Array:
    return jnp.log(size + 1e-9)
