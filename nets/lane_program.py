"""One pass of several lanes over their windows as one compiled program: ``nets.epoch``, vectorised."""

import math
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from nets.epoch import Program, Setting, State, orders_of, step_of
from nets.layers import Layers, shapes
from nets.windows import Windows

LANE_LIMIT = 4096
CACHE_BYTES = 2**20  # of one layer's numbers: they and the gradient's stay in the second-level cache

LanesPass = Callable[["State", "Own", "Shared", Array, Array], tuple["State", Array, Array]]


class Own(NamedTuple):
    """What every lane has of its own; every array has a leading axis of lanes.

    Args:
        keys: of all randomness.
        steps: of one pass.
        setting: the windows and constants that differ from lane to lane, the arrays before the first step, and how many
            steps there are in all.
    """

    keys: Array
    steps: Array
    setting: Setting


class Shared(NamedTuple):
    """What all lanes hold alike."""

    arrays: dict[str, Array]
    constants: dict[str, Array]
    groups: dict[str, tuple[Windows, Array]]


@lru_cache(maxsize=64)
def compiled_lanes(program: Program) -> LanesPass:
    """(state, own, shared, epoch, active) → state after the pass, mean losses and whether all is finite, (lanes,).

    ``state`` holds the arrays that move or differ, with a leading axis of lanes. A lane that is not ``active`` keeps
    its state. Asked again with an equal program it gives the same function.
    """

    @jax.jit
    def run(state: State, own: Own, shared: Shared, epoch: Array, active: Array) -> tuple[State, Array, Array]:
        one = partial(_pass, program, shared, epoch)
        groups = {**shared.groups, **own.setting.groups}
        together = at_once(program.layers, program.batch_size, next(iter(groups.values()))[0].values.shape[-2:])
        found: tuple[State, Array, Array] = jax.lax.map(
            lambda lane: one(*lane), (state, own, active), batch_size=together
        )
        return found

    return run


def at_once(layers: Layers, batch_size: int, window: tuple[int, ...]) -> int:
    """Lanes in one step: on a processor as many as keep what one layer hands to the next near it, elsewhere all.

    More lanes than that wait for memory, and a lane alone would be faster.
    """
    if jax.default_backend() != "cpu":
        return LANE_LIMIT
    largest = max(math.prod(shape) for shape in shapes(layers, window))
    return int(min(max(CACHE_BYTES // (4 * batch_size * largest), 1), LANE_LIMIT))


def _pass(
    program: Program, shared: Shared, epoch: Array, state: State, own: Own, active: Array
) -> tuple[State, Array, Array]:
    """``epoch.one_pass`` of one lane, in which steps past the lane's own number change nothing."""
    shuffling, dropping = jax.random.split(jax.random.fold_in(own.keys, epoch))
    setting = own.setting._replace(
        groups={**shared.groups, **own.setting.groups}, constants={**shared.constants, **own.setting.constants}
    )
    # The first numbers of a longer draw are those of a shorter one, so padding changes no lane's order.
    orders = orders_of(shuffling, setting, program.batch_size, program.steps)
    found = {}
    if program.refresh is not None:
        found = program.refresh(program.network({**shared.arrays, **state.arrays}), setting)
    numbers = jnp.arange(program.steps)
    done = ((epoch - 1) * own.steps + numbers) / setting.steps

    def step(state: State, drawn: tuple[Any, Array]) -> tuple[State, Array]:
        whole = State({**shared.arrays, **state.arrays}, state.optimizer)
        after, loss = step_of(program, setting, found, whole, drawn[0])
        moved = State({name: after.arrays[name] for name in state.arrays}, after.optimizer)
        return chosen(drawn[1], moved, state), jnp.where(drawn[1], loss, 0.0)

    drawn = (orders, jax.random.split(dropping, program.steps), done)
    state, losses = jax.lax.scan(step, state, (drawn, (numbers < own.steps) & active))
    finite = [jnp.isfinite(losses).all(), *(jnp.isfinite(array).all() for array in state.arrays.values())]
    return state, losses.sum() / own.steps.astype(losses.dtype), jnp.stack(finite).all()


def chosen(condition: Array, one: Any, other: Any) -> Any:
    """``one`` where the ``condition`` () holds, else ``other``: trees of arrays."""
    return jax.tree.map(partial(jnp.where, condition), one, other)
