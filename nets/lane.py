"""One of several trainings that run as one program, and how several are laid side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax
from flax import nnx
from jax import Array

from nets.epoch import Loss, Merge, Program, Refresh, Setting, State, of_layers
from nets.lane_program import Own, Shared
from nets.layers import Layers
from nets.network import names_of
from nets.training import Arrays, Validation
from nets.windows import Windows, bucket, pad_rows


@dataclass(frozen=True, eq=False)
class Lane:
    """One training: the arguments of ``nets.training.train`` that a lane may have."""

    layers: Layers
    arrays: Arrays
    groups: Mapping[str, Windows]
    loss: Loss
    optimizer: optax.GradientTransformation
    trainable: frozenset[str]
    epochs: int
    batch_size: int
    seed: int
    constants: Arrays = field(default_factory=dict)
    own: Arrays = field(default_factory=dict)
    merge: Merge | None = None
    refresh: Refresh | None = None
    validation: Validation | None = None
    patience: int | None = None

    @property
    def everything(self) -> dict[str, npt.NDArray[np.float32]]:
        """All arrays, those of no layer among them."""
        return {**self.arrays, **self.own}

    @property
    def largest(self) -> int:
        """Windows of the largest group."""
        return max(len(windows.values) for windows in self.groups.values())

    @property
    def steps(self) -> int:
        """Of one pass over the windows."""
        return -(-bucket(self.largest) // self.batch_size)

    @property
    def form(self) -> Any:
        """Lanes of equal form can run as one program."""
        shapes = {name: array.shape for name, array in (*self.everything.items(), *self.constants.items())}
        groups = {name: (part.values.shape[1:], part.labels.shape[1:]) for name, part in self.groups.items()}
        return (*self._static, tuple(sorted(shapes.items())), tuple(sorted(groups.items())))

    def program(self, steps: int) -> Program:
        """What is compiled, for passes of at most ``steps`` steps."""
        layers, loss, update, trainable, batch_size, merge, refresh = self._static
        return Program(layers, loss, update, trainable, batch_size, steps, merge, refresh)

    @property
    def _static(self) -> tuple[Any, ...]:
        update = self.optimizer.update
        return self.layers, self.loss, update, self.trainable, self.batch_size, self.merge, self.refresh


class Sizes(NamedTuple):
    """What a program is compiled for; a larger one serves smaller lanes.

    Args:
        rows: windows that each group is padded to.
        steps: of one pass.
        width: how many lanes.
    """

    rows: Mapping[str, int]
    steps: int
    width: int

    def covering(self, lanes: Sequence[Lane]) -> Self:
        """The least sizes that hold these and ``lanes``."""
        rows = {
            name: max(self.rows.get(name, 0), *(bucket(len(lane.groups[name].values)) for lane in lanes))
            for name in lanes[0].groups
        }
        return self._replace(
            rows=rows, steps=max(self.steps, *(lane.steps for lane in lanes)), width=max(self.width, len(lanes))
        )


NO_SIZES = Sizes({}, 0, 0)


def stacked(lanes: Sequence[Lane], rows: Mapping[str, int]) -> tuple[State, Own, Shared]:
    """What moves, what else is each lane's own, and what all share.

    Args:
        lanes: of one form.
        rows: that each group is padded to.
    """
    first = lanes[0]
    moving = first.trainable | names_of(first.layers, of_layers(first.everything), nnx.BatchStat)
    arrays, shared = _parted([lane.everything for lane in lanes], moving)
    own_constants, constants = _parted([lane.constants for lane in lanes], frozenset())
    own_groups: dict[str, tuple[Windows, Array]] = {}
    groups: dict[str, tuple[Windows, Array]] = {}
    for name, count in rows.items():
        pools = [lane.groups[name] for lane in lanes]
        if all(pool.values is pools[0].values and pool.labels is pools[0].labels for pool in pools):
            groups[name] = _padded(pools[:1], count, 0)
        else:
            own_groups[name] = _padded(pools, count, None)
    initial = {name: arrays[name] for name in first.trainable}
    total = jnp.asarray([lane.epochs * lane.steps for lane in lanes], jnp.int32)
    own = Own(
        jnp.stack([jax.random.key(lane.seed) for lane in lanes]),
        jnp.asarray([lane.steps for lane in lanes], jnp.int32),
        Setting(own_groups, own_constants, initial, total),
    )
    return State(arrays, _optimizers(lanes)), own, Shared(shared, constants, groups)


def _optimizers(lanes: Sequence[Lane]) -> Any:
    """The optimizers' own numbers before the first step, lanes first."""
    found = (lane.optimizer.init({name: lane.everything[name] for name in lane.trainable}) for lane in lanes)
    return jax.tree.map(lambda *parts: jnp.stack([jnp.asarray(part) for part in parts]), *found)


def _padded(pools: Sequence[Windows], rows: int, lane: int | None) -> tuple[Windows, Array]:
    """Windows padded to ``rows`` and how many are real: of all lanes, lanes first, or of one ``lane``."""
    parts = ([pad_rows(np.asarray(part), rows) for part in pool] for pool in pools)
    stacked = [np.stack(part) for part in zip(*parts, strict=True)]
    counts = np.asarray([len(pool.values) for pool in pools], np.int32)
    place = slice(None) if lane is None else lane
    return Windows(*(jnp.asarray(part[place]) for part in stacked)), jnp.asarray(counts[place])


def _parted(lanes: Sequence[Arrays], moving: frozenset[str]) -> tuple[dict[str, Array], dict[str, Array]]:
    """Arrays stacked over lanes, and arrays that all lanes hold alike and none moves."""
    first = lanes[0]
    alike = {name for name in first if name not in moving and all(_same(lane[name], first[name]) for lane in lanes)}
    own = {name: jnp.asarray(np.stack([lane[name] for lane in lanes])) for name in first if name not in alike}
    return own, {name: jnp.asarray(first[name]) for name in sorted(alike)}


def _same(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> bool:
    return one is other or np.array_equal(one, other)
