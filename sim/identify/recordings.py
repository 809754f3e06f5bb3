"""Simulated recordings by the thousand: many flights of one device each, every recording with its own parameters.

What belongs to the device is drawn once a recording. What belongs to the scene or to habit may vary from flight to
flight, nobody knows how much: so of its variance, on the latent scale z = Φ⁻¹(u), an unknown share, drawn anew for each
recording, lies between the flights, and the rest between recordings:

    z(flight) = √(1 - s) z(recording) + √s z'(flight),   s = 0 for the device's, s ~ U(0, 1) for the others.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax.scipy.special import ndtr

from sim import copula
from sim.identify.summaries import summaries
from sim.priors import Parameter, Parameters, Prior
from sim.world import Key, World

LEAST_CHANCE = 1e-6  # the outermost that float32 resolves on both sides


@dataclass(frozen=True)
class Free:
    """A parameter that the prior leaves open, and the columns of the latents that are its own."""

    parameter: Parameter
    columns: slice


def free(prior: Prior) -> tuple[Free, ...]:
    """The parameters that vary, in order."""
    found: list[Free] = []
    for parameter, distribution in zip(prior.parameters, prior.distributions, strict=True):
        low, high = distribution.support()
        if low < high:
            first = found[-1].columns.stop if found else 0
            found.append(Free(parameter, slice(first, first + parameter.size)))
    return tuple(found)


@dataclass(frozen=True)
class Recordings:
    """What was simulated.

    Args:
        statistics: (recordings, channels, statistics).
        latents: (recordings, latents): for the device's parameters, those it was simulated with; for the others, those
            of one more flight of the same recording.
    """

    statistics: npt.NDArray[np.float32]
    latents: npt.NDArray[np.float32]


@lru_cache(maxsize=8)
def windows_a_flight(world: World) -> int:
    """How many windows one flight gives; simulates one batch of flights, once for a world."""
    values, _ = world.simulate(jax.random.key(0), world.prior.sample(jax.random.key(0), world.flight_count))
    return len(values) // world.flight_count


def simulate(
    world: World,
    prior: Prior,
    device: Sequence[str],
    key: Key,
    count: int,
    flight_count: int,
    progress: Callable[[float], None] = lambda share: None,
) -> Recordings:
    """Statistics of ``count`` recordings of ``flight_count`` flights, drawn from ``prior``.

    One program of a fixed shape simulates as many recordings at once as the world's batch holds.

    Args:
        device: names of the parameters that are the same in all flights of a recording.
    """
    at_once = max(1, world.flight_count // flight_count)
    open_ones = free(prior)
    varying = np.concatenate([np.full(f.parameter.size, f.parameter.name not in device) for f in open_ones])
    found: list[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]] = []
    rounds = -(-count // at_once)
    for number in range(rounds):
        drawing, flying = jax.random.split(jax.random.fold_in(key, number))
        latents, one_more = _latents(drawing, jnp.asarray(varying), at_once, flight_count)
        values, _ = world.simulate(flying, placed(prior, latents.reshape(-1, len(varying))))
        flights = jnp.asarray(values).reshape(at_once, flight_count, -1, *values.shape[1:])
        found.append((np.asarray(_many(flights)), np.asarray(settled(prior, one_more))))
        progress((number + 1) / rounds)
    return Recordings(*(np.concatenate(part)[:count] for part in zip(*found, strict=True)))


_many = jax.jit(lambda recordings: jax.lax.map(summaries, recordings))


@partial(jax.jit, static_argnums=(2, 3))
def _latents(key: Key, varying: jax.Array, count: int, flight_count: int) -> tuple[jax.Array, jax.Array]:
    """Latents (count, flights, latents) of all flights and (count, latents) of one more."""
    common, own, shares = jax.random.split(key, 3)
    shape = (count, flight_count + 1, len(varying))
    share = jnp.where(varying[None], jax.random.uniform(shares, (count, len(varying))), 0.0)[:, None]
    same = jax.random.normal(common, (count, 1, len(varying)))
    latents = jnp.sqrt(1 - share) * same + jnp.sqrt(share) * jax.random.normal(own, shape)
    return latents[:, :-1], latents[:, -1]


def placed(prior: Prior, latents: jax.Array) -> Parameters:
    """Parameters of a prior from independent standard normal latents (count, latents) of what is free in it."""
    count, half = len(latents), jnp.asarray(0.5, jnp.float32)  # not a bare number: its type would compile worlds anew
    chances = {p.name: jnp.full((count,) if p.size == 1 else (count, p.size), half) for p in prior.parameters}
    for one in free(prior):
        columns = jnp.clip(ndtr(latents[:, one.columns]), LEAST_CHANCE, 1 - LEAST_CHANCE)
        chances[one.parameter.name] = columns[:, 0] if one.parameter.size == 1 else columns
    for group in prior.groups:
        together = copula.correlated(group, [chances[name] for name in group.names])
        chances |= dict(zip(group.names, together, strict=True))
    return {p.name: prior[p.name].quantile(chances[p.name]) for p in prior.parameters}


def settled(prior: Prior, latents: jax.Array) -> jax.Array:
    """Latents (count, latents) as the groups of ``prior`` mix them: the places of the values in their distributions."""
    where = {one.parameter.name: one.columns.start for one in free(prior)}
    for group in prior.groups:
        known = [name for name in group.names if name in where]
        columns = np.asarray([where[name] for name in known])
        rows = np.asarray([group.names.index(name) for name in known])
        factor = np.linalg.cholesky(np.asarray(group.correlation))[np.ix_(rows, rows)].astype(np.float32)
        latents = latents.at[:, columns].set(latents[:, columns] @ factor.T)
    return latents
