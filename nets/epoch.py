"""One pass over the windows as one compiled program: a scan over batches drawn on the device."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from nets.layers import Layers
from nets.network import Network
from nets.windows import Windows, shuffled

Arrays = dict[str, Array]


class Batch(NamedTuple):
    """What one training step sees.

    Args:
        groups: a batch of windows from each group of the training, e.g. ``source`` and ``target``.
        constants: arrays that stay the same from step to step, e.g. class weights.
        initial: the trained arrays as they were before the first step.
    """

    groups: dict[str, Windows]
    constants: Arrays
    initial: Arrays


Loss = Callable[[Network, Batch, Array], Array]  # (network, batch, random key) → mean loss of the batch


class State(NamedTuple):
    """All that one step hands to the next: the network's arrays and the optimizer's own numbers."""

    arrays: Arrays
    optimizer: Any


class Setting(NamedTuple):
    """What stays the same through a training.

    Args:
        groups: for each group its windows, padded to a bucket, and how many of them are real.
        constants: arrays the loss needs.
        initial: the trained arrays as they were before the first step.
    """

    groups: dict[str, tuple[Windows, Array]]
    constants: Arrays
    initial: Arrays


EpochProgram = Callable[[State, Setting, Array], tuple[State, Array, Array]]


@lru_cache(maxsize=64)
def epoch_program(
    layers: Layers,
    loss: Loss,
    optimizer: optax.GradientTransformation,
    trainable: frozenset[str],
    batch_size: int,
    steps: int,
) -> EpochProgram:
    """(state, setting, key) → state after ``steps`` steps, their mean loss, and whether every number is finite.

    Asked again with the same arguments it gives the same function, so that nothing is compiled twice.
    """

    @jax.jit
    def run(state: State, setting: Setting, key: Array) -> tuple[State, Array, Array]:
        shuffling, dropping = jax.random.split(key)
        orders = _orders(shuffling, setting, batch_size, steps)
        step = partial(_step, layers, loss, optimizer, trainable, setting)
        state, losses = jax.lax.scan(step, state, (orders, jax.random.split(dropping, steps)))
        finite = [jnp.isfinite(losses).all(), *(jnp.isfinite(array).all() for array in state.arrays.values())]
        return state, losses.mean(), jnp.stack(finite).all()

    return run


def _orders(key: Array, setting: Setting, batch_size: int, steps: int) -> dict[str, Array]:
    """Row numbers (steps, batch) of each group."""
    keys = jax.random.split(key, len(setting.groups))
    return {
        name: shuffled(one, len(windows.values), count, steps * batch_size).reshape(steps, batch_size)
        for one, (name, (windows, count)) in zip(keys, sorted(setting.groups.items()), strict=True)
    }


def _step(
    layers: Layers,
    loss: Loss,
    optimizer: optax.GradientTransformation,
    trainable: frozenset[str],
    setting: Setting,
    state: State,
    drawn: tuple[dict[str, Array], Array],
) -> tuple[State, Array]:
    orders, key = drawn
    groups = {name: Windows(*(part[orders[name]] for part in windows)) for name, (windows, _) in setting.groups.items()}
    batch = Batch(groups, setting.constants, setting.initial)
    learned = {name: array for name, array in state.arrays.items() if name in trainable}
    rest = {name: array for name, array in state.arrays.items() if name not in trainable}

    def value(learned: Arrays) -> tuple[Array, Arrays]:
        network = Network(layers, {**rest, **learned})
        return loss(network, batch, key), network.arrays()

    (found, after), gradient = jax.value_and_grad(value, has_aux=True)(learned)
    updates, moments = optimizer.update(gradient, state.optimizer, learned)
    moved = optax.apply_updates(learned, updates)
    assert isinstance(moved, dict)
    return State({**after, **moved}, moments), found
