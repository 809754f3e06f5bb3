"""Several trainings as one program: the training loop of ``nets.training``, vectorised over lanes.

A lane is one training: its own arrays, seed, step size, weights and, where it has them, windows. What all lanes hold
alike (the frozen arrays of a shared backbone, one pool of windows) stays one array, so that lanes that differ only in a
small adapter keep one large matrix product. Lanes never touch one another: each stops by its own validation set, and
one that diverges is refused alone. A lane ends with the numbers that ``train`` finds for it, to rounding.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import Array

from nets.epoch import Program, State
from nets.lane import NO_SIZES, Lane, Sizes, stacked
from nets.lane_program import Shared, chosen, compiled_lanes
from nets.training import Best, Cancelled, Trained, merged, row_of
from slipway.errors import Reason, Refused


def train_lanes(
    lanes: Sequence[Lane], *, sizes: Sizes = NO_SIZES, should_stop: Callable[[], bool] | None = None
) -> list[Trained | Refused]:
    """Train all ``lanes``, of one ``form``, at once.

    Args:
        lanes: at least one.
        sizes: what to pad to at least, so that lanes of other sizes find the program compiled.
        should_stop: asked after every pass.

    Returns:
        For each lane what it found, or TRAINING_DIVERGED with the epoch.

    Raises:
        ValueError: lanes of different forms.
        Cancelled: ``should_stop`` said so.
    """
    if len({lane.form for lane in lanes}) != 1:
        raise ValueError("lanes of different forms cannot share a program")
    sizes = sizes.covering(lanes)
    program = lanes[0].program(sizes.steps)
    run = compiled_lanes(program)
    state, own, shared = stacked([*lanes, *[lanes[-1]] * (sizes.width - len(lanes))], sizes.rows)
    course = _Course(lanes, program, [Best({}) for _ in lanes], {})
    course.take(0, np.zeros(sizes.width), state, shared)
    best = state.arrays
    epoch = 0
    while running := course.running():
        epoch += 1
        state, losses, finite = run(state, own, shared, jnp.int32(epoch), _mask(running, sizes.width))
        course.refuse(epoch, np.asarray(losses), np.asarray(finite))
        better = course.take(epoch, np.asarray(losses), state, shared)
        best = _select(_mask(better, sizes.width), state.arrays, best)
        if should_stop is not None and should_stop():
            raise Cancelled(f"after epoch {epoch}")
    return course.ended(jax.tree.map(np.asarray, best))


@dataclass
class _Course:
    """How far each lane has come, and which has failed."""

    lanes: Sequence[Lane]
    program: Program
    bests: list[Best]
    refusals: dict[int, Refused]

    def running(self) -> list[int]:
        """Lanes with steps left to make."""
        return [
            index
            for index, (lane, best) in enumerate(zip(self.lanes, self.bests, strict=True))
            if index not in self.refusals and len(best.curve) <= lane.epochs and not best.stale(lane.patience)
        ]

    def refuse(self, epoch: int, losses: npt.NDArray[Any], finite: npt.NDArray[np.bool_]) -> None:
        """Note which running lanes hold numbers that are not finite."""
        for index in self.running():
            if not finite[index]:
                self.refusals[index] = Refused(
                    Reason.TRAINING_DIVERGED, field="training", epoch=epoch, found=float(losses[index])
                )

    def take(self, epoch: int, losses: npt.NDArray[Any], state: State, shared: Shared) -> list[int]:
        """Note the epoch in each running lane's curve; those in which it is the best so far."""
        running = range(len(self.lanes)) if epoch == 0 else self.running()
        for index in running:
            validation, arrays = self.lanes[index].validation, {}
            if validation is not None:
                arrays = {**shared.arrays, **{name: array[index] for name, array in state.arrays.items()}}
            loss = float(losses[index]) if epoch else None
            self.bests[index].take(row_of(epoch, loss, self.program, arrays, validation), {})
        return [index for index in running if self.bests[index].epoch == epoch]

    def ended(self, arrays: Mapping[str, npt.NDArray[Any]]) -> list[Trained | Refused]:
        """What each lane found, of the best ``arrays``, lanes first."""
        return [self.refusals.get(index) or self._trained(index, arrays) for index in range(len(self.lanes))]

    def _trained(self, index: int, arrays: Mapping[str, npt.NDArray[Any]]) -> Trained:
        best = self.bests[index]
        found = {**self.lanes[index].everything, **{name: array[index] for name, array in arrays.items()}}
        own = {name: array for name, array in found.items() if not name[0].isdigit()}
        return Trained(merged(self.program, found), own, best.epoch, tuple(best.curve))


def _mask(lanes: Sequence[int], width: int) -> Array:
    return jnp.asarray(np.isin(np.arange(width), lanes))


@jax.jit
def _select(lanes: Array, arrays: dict[str, Array], others: dict[str, Array]) -> dict[str, Array]:
    """``arrays`` in the ``lanes`` chosen, ``others`` elsewhere."""
    found: dict[str, Array] = jax.vmap(chosen)(lanes, arrays, others)
    return found
