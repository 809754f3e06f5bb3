"""From a trained posterior to what a reader and the next simulation want: marginals and a prior."""

from dataclasses import dataclass
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax.scipy.special import ndtr

from sim.identify import posterior
from sim.identify.fit import Marginal
from sim.identify.posterior import Posterior
from sim.identify.recordings import free
from sim.priors import Choice, Distribution, Group, Prior, Quantiles
from sim.world import World

INTERVAL = (0.05, 0.5, 0.95)
LEVELS = np.clip(np.linspace(0, 1, 65), 1 / 256, 255 / 256).astype(np.float32)  # of the posterior's quantiles
NOTABLE = 0.25  # parameters without a correlation as large stay apart: smaller ones are the network's noise


@dataclass(frozen=True, eq=False)
class Identifier:
    """An amortised identification: trained once, it answers for any recording of its kind.

    Args:
        world: whose parameters are asked for.
        prior: what they may be.
        device: names of the parameters that are the same in a whole recording.
        window_count: consecutive windows that count as one flight.
        flight_count: flights of a recording.
        posterior: of the prior's latents, given the statistics of a recording.
        simulations: recordings it was trained from.
        examples: statistics of some of them (recordings, channels, statistics).
    """

    world: World
    prior: Prior
    device: tuple[str, ...]
    window_count: int
    flight_count: int
    posterior: Posterior
    simulations: int
    examples: npt.NDArray[np.float32]

    def places(self, statistics: npt.ArrayLike, levels: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Posterior quantiles as places in the prior: (recordings, latents, levels), in (0, 1).

        Args:
            statistics: (recordings, channels, statistics).
            levels: (levels,) in (0, 1).
        """
        rows = jnp.asarray(statistics).reshape(len(np.asarray(statistics)), -1)
        return np.asarray(ndtr(posterior.quantiles(self.posterior, rows, jnp.asarray(levels, jnp.float32))))

    def marginals(self, statistics: npt.ArrayLike) -> tuple[Marginal, ...]:
        """What one recording's statistics (channels, statistics) say of each parameter."""
        places = self.places(np.asarray(statistics)[None], INTERVAL)[0]
        found = []
        for one in free(self.prior):
            distribution, size = self.prior[one.parameter.name], one.parameter.size
            before = _floats(distribution.quantile(jnp.asarray(INTERVAL, jnp.float32)))
            for number, row in enumerate(places[one.columns]):
                name = one.parameter.name if size == 1 else f"{one.parameter.name}[{number}]"
                after = _floats(distribution.quantile(jnp.asarray(row)))
                found.append(Marginal(name, one.parameter.unit, *before, *after))
        return tuple(found)

    def fitted(self, statistics: npt.ArrayLike) -> Prior:
        """The next prior: the posterior's quantiles and correlations, given one recording's statistics.

        A parameter with several parts keeps one distribution for all of them, the mixture of theirs.
        """
        places = self.places(np.asarray(statistics)[None], LEVELS)[0]
        changes = {
            one.parameter.name: _narrowed(self.prior[one.parameter.name], places[one.columns])
            for one in free(self.prior)
        }
        distributions = tuple(
            changes.get(p.name, d) for p, d in zip(self.prior.parameters, self.prior.distributions, strict=True)
        )
        return Prior(self.prior.parameters, distributions, self._groups(statistics))

    def _groups(self, statistics: npt.ArrayLike) -> tuple[Group, ...]:
        rows = jnp.asarray(statistics).reshape(1, -1)
        found = np.asarray(posterior.correlations(self.posterior, rows))[0]
        size = np.abs(found - np.eye(len(found)))
        kept = np.flatnonzero(size.max(axis=1, initial=0) >= NOTABLE)
        return (Group.of([self._bound[k] for k in kept], found[np.ix_(kept, kept)]),) if len(kept) > 1 else ()

    @cached_property
    def _bound(self) -> list[str]:
        return [one.parameter.name for one in free(self.prior) if one.parameter.size == 1]


def _floats(values: jax.Array) -> list[float]:
    return [float(value) for value in values]


def _narrowed(distribution: Distribution, places: npt.NDArray[np.float32]) -> Distribution:
    """The distribution of a parameter whose parts lie at ``places`` (parts, levels) of what was known."""
    values = np.asarray(distribution.quantile(jnp.asarray(places)))
    distinct = np.unique(np.asarray(distribution.quantile(jnp.linspace(0.001, 0.999, 999))))
    if isinstance(distribution, Choice):  # between its values nothing is possible
        fine = np.stack([np.interp(np.linspace(0, 1, 1001), np.linspace(0, 1, places.shape[1]), row) for row in places])
        drawn = np.asarray(distribution.quantile(jnp.asarray(fine, jnp.float32)))
        shares = [float(np.mean(drawn == value)) for value in distinct]
        return Choice(tuple(float(value) for value in distinct), tuple(shares))
    low, high = distribution.support()
    pooled = np.quantile(values, np.linspace(0, 1, places.shape[1])) if len(values) > 1 else values[0]
    return Quantiles(tuple(float(value) for value in np.clip(pooled, low, high)))
