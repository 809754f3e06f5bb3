"""What a study's ``identify`` is made of: a prior fitted to the pool's windows, never to a label."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sim.identify.unpaired import FLIGHTS, fit
from sim.priors import Prior
from sim.world import World
from studies.study import Domain

SIMULATIONS = 6000


def unpaired(
    world: World,
    names: Sequence[str] | None = None,
    *,
    as_recorded: Mapping[str, float] | None = None,
    flights: int = FLIGHTS,
    simulations: int = SIMULATIONS,
) -> Callable[[Path, Domain, int], Prior]:
    """(folder, pool, seed) → the prior that makes windows like the pool's.

    Args:
        names: parameters that the device keeps through the recording; see ``sim.identify.unpaired.fit``.
        as_recorded: values that hold in a recording but not in training, such as no pushes off the path: set for the
            fit, and put back to the world's own in what it returns.
    """
    held = dict(as_recorded or {})
    before = world.prior.replace(**held)

    def identify(folder: Path, pool: Domain, seed: int) -> Prior:
        found = fit(world, pool.values, names=names, prior=before, flights=flights, simulations=simulations, seed=seed)
        return found.prior.replace(**{name: world.prior[name] for name in held})

    return identify
