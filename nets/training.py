"""The one training loop, for pretraining and for every adapter that follows a gradient.

Between compiled epochs the host looks at the validation set, saves, reports and may stop. All randomness comes from the
seed and the epoch's number, so a training that was killed and resumed ends with the numbers of one that was not.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax
from jax import Array

from nets.checkpoints import Checkpoint, Keeper
from nets.epoch import Loss, Merge, Program, Refresh, Setting, State, compiled, of_layers
from nets.inference import log_softmax, outputs
from nets.layers import Layers, to_json
from nets.metrics import determination
from nets.windows import Windows, bucket, place
from slipway.errors import Reason, Refused

Arrays = Mapping[str, npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Epoch:
    """One line of a learning curve. Epoch 0 is the state before learning; its loss is not known."""

    epoch: int
    loss: float | None
    validation_loss: float | None
    validation_accuracy: float | None  # mean R² over the outputs of a regression


Progress = Callable[[Epoch], None]


class Cancelled(Exception):
    """A training was asked to stop; its checkpoint, if it keeps one, holds the last finished epoch."""


@dataclass(frozen=True)
class Validation:
    """Labelled windows, apart from those learned from, that choose the epoch.

    Args:
        windows: every one labelled.
        class_weights: (classes,), how much one window of each class counts; None counts all the same.
    """

    windows: Windows
    class_weights: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Trained:
    """What a training found.

    Args:
        arrays: all arrays of the network, at the best epoch on the validation set, or the last one without a set.
        own: the learned numbers that belong to no layer, at the same epoch.
        best_epoch: when that was; 0 means that no step made it better.
        curve: one row an epoch.
    """

    arrays: Arrays
    own: Arrays
    best_epoch: int
    curve: tuple[Epoch, ...]


def train(
    layers: Layers,
    arrays: Arrays,
    groups: Mapping[str, Windows],
    loss: Loss,
    *,
    optimizer: optax.GradientTransformation,
    trainable: frozenset[str],
    epochs: int,
    batch_size: int,
    seed: int,
    constants: Arrays | None = None,
    own: Arrays | None = None,
    merge: Merge | None = None,
    refresh: Refresh | None = None,
    validation: Validation | None = None,
    patience: int | None = None,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
    checkpoint: Checkpoint | None = None,
) -> Trained:
    """Follow the gradient of ``loss`` for ``epochs`` passes over the largest group.

    Args:
        layers: the network's description.
        arrays: its numbers to start from.
        groups: windows by name; smaller groups are gone through more often.
        loss: pure; pass the same function object again to reuse its compiled program.
        optimizer: likewise.
        trainable: names of the arrays, own ones among them, that may follow the gradient. Running batch statistics move
            only when ``loss`` runs the network with ``train=True``.
        epochs: at most this many.
        batch_size: windows a step from each group.
        seed: of all randomness.
        constants: arrays that ``loss`` needs.
        own: further numbers to start from that belong to no layer; their names start with a letter.
        merge: makes the layers' arrays from all of them, where fewer numbers are learned in place of some.
        refresh: looks at the whole of the windows before each pass over them; the loss sees what it found.
        validation: the epoch with its least cross-entropy wins, the start included; the last epoch without one.
        patience: stop when so many epochs brought nothing better.
        progress: called after every epoch.
        should_stop: asked after every epoch.
        checkpoint: where to save, and to resume from.

    Raises:
        Refused: TRAINING_DIVERGED, with the epoch: never returns a number that is not finite.
        Cancelled: ``should_stop`` said so.
        ValueError: the checkpoint is another training's.
    """
    everything = {**arrays, **(own or {})}
    steps = -(-max(bucket(len(windows.values)) for windows in groups.values()) // batch_size)
    setting = _setting(everything, groups, trainable, constants or {}, epochs * steps)
    program = Program(layers, loss, optimizer.update, trainable, batch_size, steps, merge, refresh)
    run = compiled(program)
    initial = {name: jnp.asarray(array) for name, array in everything.items()}
    state = State(initial, optimizer.init(setting.initial))
    best = Best(initial)
    best.take(row_of(0, None, program, initial, validation), initial)
    with ExitStack() as stack:
        keeper = None
        if checkpoint is not None:
            keeper = stack.enter_context(
                Keeper(checkpoint, _fingerprint(layers, groups, trainable, batch_size, epochs, seed))
            )
            state, best = _resumed(keeper, state, best)
        while len(best.curve) <= epochs and not best.stale(patience):
            epoch = len(best.curve)
            key = jax.random.fold_in(jax.random.key(seed), epoch)
            state, mean_loss, finite = run(state, setting, jnp.int32((epoch - 1) * steps), key)
            if not finite:
                raise Refused(Reason.TRAINING_DIVERGED, field="training", epoch=epoch, found=float(mean_loss))
            best.take(row_of(epoch, float(mean_loss), program, state.arrays, validation), state.arrays)
            stop = should_stop is not None and should_stop()
            if keeper is not None:
                keeper.save(epoch, (state, best.arrays), best.notes(), force=stop or epoch == epochs)
            if progress is not None:
                progress(best.curve[-1])
            if stop:
                raise Cancelled(f"after epoch {epoch}")
    at_rest = {name: np.asarray(array) for name, array in best.arrays.items()}
    own = {name: array for name, array in at_rest.items() if not name[0].isdigit()}
    return Trained(merged(program, at_rest), own, best.epoch, tuple(best.curve))


def merged(program: Program, arrays: Mapping[str, Any]) -> dict[str, npt.NDArray[np.float32]]:
    """The layers' arrays, at rest."""
    made = arrays if program.merge is None else program.merge(arrays)
    return {name: np.asarray(array) for name, array in of_layers(made).items()}


@dataclass
class Best:
    """The best arrays so far, and the learning curve that says why."""

    arrays: dict[str, Array]
    epoch: int = 0
    loss: float = float("inf")
    curve: list[Epoch] = field(default_factory=list)

    def take(self, row: Epoch, arrays: dict[str, Array]) -> None:
        self.curve.append(row)
        if row.validation_loss is None or row.validation_loss < self.loss:
            self.arrays, self.epoch = arrays, row.epoch
            self.loss = self.loss if row.validation_loss is None else row.validation_loss

    def stale(self, patience: int | None) -> bool:
        return patience is not None and len(self.curve) - 1 - self.epoch >= patience

    def notes(self) -> dict[str, Any]:
        return {"best_epoch": self.epoch, "curve": [asdict(row) for row in self.curve]}


def _setting(
    arrays: Arrays, groups: Mapping[str, Windows], trainable: frozenset[str], constants: Arrays, steps: int
) -> Setting:
    return Setting(
        {name: place(windows) for name, windows in groups.items()},
        {name: jnp.asarray(array) for name, array in constants.items()},
        {name: jnp.asarray(arrays[name]) for name in trainable},
        jnp.int32(steps),
    )


def _fingerprint(layers: Layers, groups: Mapping[str, Windows], *rest: Any) -> str:
    sizes = sorted((name, len(windows.values)) for name, windows in groups.items())
    return repr((to_json(layers), sizes, *(sorted(x) if isinstance(x, frozenset) else x for x in rest)))


def row_of(
    epoch: int, loss: float | None, program: Program, arrays: Mapping[str, Any], validation: Validation | None
) -> Epoch:
    """One line of the learning curve: what ``arrays`` do on the validation set."""
    if validation is None:
        return Epoch(epoch, loss, None, None)
    values, labels = validation.windows
    scores = outputs(program.layers, merged(program, arrays), values)[1]
    if labels.ndim > 1:
        error = float(np.square(scores - labels).mean())
        return Epoch(epoch, loss, error, float(determination(scores, labels).mean()))
    losses = -log_softmax(scores)[np.arange(len(labels)), labels]
    weights = np.ones(len(labels)) if validation.class_weights is None else validation.class_weights[labels]
    accuracy = float((scores.argmax(1) == labels).mean())
    return Epoch(epoch, loss, float(np.average(losses, weights=weights)), accuracy)


def _resumed(keeper: Keeper, state: State, best: Best) -> tuple[State, Best]:
    found = keeper.restore((state, best.arrays))
    if found is None:
        return state, best
    (state, arrays), notes = found
    state, arrays = jax.tree.map(jnp.asarray, (state, arrays))
    curve = [Epoch(**row) for row in notes["curve"]]
    loss = curve[notes["best_epoch"]].validation_loss
    return state, Best(arrays, notes["best_epoch"], float("inf") if loss is None else loss, curve)
