"""One pass over the windows as one compiled program: a scan over batches drawn on the device."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax import Array

from nets.layers import Layers
from nets.network import Network, names_of
from nets.windows import Windows, shuffled

Arrays = dict[str, Array]


Merge = Callable[[Mapping[str, Array]], dict[str, Array]]  # all arrays → those of the layers
Refresh = Callable[[Network, "Setting"], dict[str, Array]]  # what a pass over the windows begins with


class Batch(NamedTuple):
    """What one training step sees.

    Args:
        groups: a batch of windows from each group of the training, e.g. ``source`` and ``target``.
        rows: which windows of each group they are, (batch,).
        constants: arrays that stay the same from step to step, e.g. class weights.
        initial: the trained arrays as they were before the first step.
        own: learned numbers that belong to no layer, e.g. a discriminator's.
        found: what ``refresh`` found at the start of this pass.
        progress: share of all steps that are done, 0 to 1.
    """

    groups: dict[str, Windows]
    rows: Arrays
    constants: Arrays
    initial: Arrays
    own: Arrays
    found: Arrays
    progress: Array


Loss = Callable[[Network, Batch, Array], Array]  # (network, batch, random key) → mean loss of the batch


class State(NamedTuple):
    """All that one step hands to the next: every array, and the optimizer's own numbers."""

    arrays: Arrays
    optimizer: Any


class Setting(NamedTuple):
    """What stays the same through a training.

    Args:
        groups: for each group its windows, padded to a bucket, and how many of them are real.
        constants: arrays the loss needs.
        initial: the trained arrays as they were before the first step.
        steps: how many there are in all.
    """

    groups: dict[str, tuple[Windows, Array]]
    constants: Arrays
    initial: Arrays
    steps: Array


class Program(NamedTuple):
    """What a compiled pass over the windows is made of; equal programs are compiled once.

    Args:
        layers: the network's description.
        loss: pure.
        update: the optimizer's.
        trainable: names of the arrays that follow the gradient.
        batch_size: windows a step from each group.
        steps: of one pass.
        merge: makes the layers' arrays when fewer numbers are learned in their place.
        refresh: looks at the whole pool before the pass.
    """

    layers: Layers
    loss: Loss
    update: optax.TransformUpdateFn
    trainable: frozenset[str]
    batch_size: int
    steps: int
    merge: Merge | None = None
    refresh: Refresh | None = None

    def network(self, arrays: Mapping[str, Array]) -> Network:
        """The network that ``arrays`` make."""
        return Network(self.layers, of_layers(arrays if self.merge is None else self.merge(arrays)))


Pass = Callable[[State, Setting, Array, Array], tuple[State, Array, Array]]


def of_layers(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Those of ``arrays`` that a layer holds: the others' names start with a letter."""
    return {name: array for name, array in arrays.items() if name[0].isdigit()}


@lru_cache(maxsize=128)
def compiled(program: Program) -> Pass:
    """``one_pass`` of ``program``, compiled; asked again with an equal program it gives the same function."""
    return jax.jit(partial(one_pass, program))


def one_pass(program: Program, state: State, setting: Setting, first: Array, key: Array) -> tuple[State, Array, Array]:
    """State after ``program.steps`` steps, their mean loss, and whether every number is finite.

    Args:
        program: static.
        state: before.
        setting: of the training.
        first: number of the pass's first step in the training.
        key: of order and chance.
    """
    shuffling, dropping = jax.random.split(key)
    orders = orders_of(shuffling, setting, program.batch_size, program.steps)
    found = {} if program.refresh is None else program.refresh(program.network(state.arrays), setting)
    done = (first + jnp.arange(program.steps)) / setting.steps
    step = partial(step_of, program, setting, found)
    state, losses = jax.lax.scan(step, state, (orders, jax.random.split(dropping, program.steps), done))
    finite = [jnp.isfinite(losses).all(), *(jnp.isfinite(array).all() for array in state.arrays.values())]
    return state, losses.mean(), jnp.stack(finite).all()


def orders_of(key: Array, setting: Setting, batch_size: int, steps: int) -> Arrays:
    """Row numbers (steps, batch) of each group."""
    keys = jax.random.split(key, len(setting.groups))
    return {
        name: shuffled(one, len(windows.values), count, steps * batch_size).reshape(steps, batch_size)
        for one, (name, (windows, count)) in zip(keys, sorted(setting.groups.items()), strict=True)
    }


def step_of(
    program: Program, setting: Setting, found: Arrays, state: State, drawn: tuple[Arrays, Array, Array]
) -> tuple[State, Array]:
    """State after one step, and its loss; ``drawn`` are row numbers, a random key and the share of steps done."""
    rows, key, progress = drawn
    groups = {name: Windows(*(part[rows[name]] for part in windows)) for name, (windows, _) in setting.groups.items()}
    learned = {name: array for name, array in state.arrays.items() if name in program.trainable}
    rest = {name: array for name, array in state.arrays.items() if name not in program.trainable}
    counted = names_of(program.layers, of_layers(state.arrays), nnx.BatchStat)

    def value(learned: Arrays) -> tuple[Array, Arrays]:
        arrays = {**rest, **learned}
        own = {name: array for name, array in arrays.items() if not name[0].isdigit()}
        network = program.network(arrays)
        batch = Batch(groups, rows, setting.constants, setting.initial, own, found, progress)
        return program.loss(network, batch, key), _chosen(network.arrays(), counted)

    (mean_loss, statistics), gradient = jax.value_and_grad(value, has_aux=True)(learned)
    updates, moments = program.update(gradient, state.optimizer, learned)
    moved = optax.apply_updates(learned, updates)
    assert isinstance(moved, dict)
    return State({**rest, **statistics, **moved}, moments), mean_loss


def _chosen(arrays: Arrays, names: Iterable[str]) -> Arrays:
    return {name: arrays[name] for name in names}
