"""An adaptation that follows a gradient: what it learns from, when it stops, and its loss for the one training loop."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax
from flax import nnx
from jax import Array

from adapters import marginal
from adapters.objective import Domain, Objective, Signals
from adapters.options import Options
from nets.checkpoints import Checkpoint
from nets.epoch import Batch, Loss
from nets.model import Model
from nets.network import Network, names_of
from nets.training import Trained, Validation, train
from nets.windows import Windows, stratified_split
from slipway.errors import Reason, Refused


@dataclass(frozen=True)
class Descent:
    """An adaptation that follows a gradient.

    Args:
        objective: has a loss.
        names: the arrays in scope.
        groups: windows by domain: ``labelled``, ``target``, ``source``, as the objective needs them.
        expected: (classes,), class shares expected in the target.
        options: step sizes and the like.
        seed: of order and split.
    """

    objective: Objective
    names: frozenset[str]
    groups: Mapping[str, Windows]
    expected: marginal.Shares
    options: Options
    seed: int

    def run(self, model: Model, *, checkpoint: Checkpoint | None, **hooks: Any) -> Trained:
        """Hold some labels out to find when to stop; then learn all labels for so long."""
        groups, validation = self._hold_out()
        found = self._train(model, groups, validation, None, part(checkpoint, "choose"), hooks)
        if validation is None or found.best_epoch == 0:
            return found
        again = self._train(model, self.groups, None, found.best_epoch, part(checkpoint, "refit"), hooks)
        return replace(found, arrays=again.arrays)

    def label_weights(self) -> npt.NDArray[np.float32]:
        """Expected share of each class over its share of the labels: labels are often chosen evenly, life is not."""
        known = self.groups.get("labelled")
        if known is None:
            return np.ones(len(self.expected), np.float32)
        return (self.expected / marginal.counted(known.labels, len(self.expected))).astype(np.float32)

    def _hold_out(self) -> tuple[Mapping[str, Windows], Windows | None]:
        known = self.groups.get("labelled")
        if known is None:
            return self.groups, None
        learn, held_out = stratified_split(known.labels, self.options.validation_share, self.seed)
        if not len(held_out):
            return self.groups, None
        return {**self.groups, "labelled": _rows(known, learn)}, _rows(known, held_out)

    def _train(
        self,
        model: Model,
        groups: Mapping[str, Windows],
        validation: Windows | None,
        epochs: int | None,
        checkpoint: Checkpoint | None,
        hooks: Mapping[str, Any],
    ) -> Trained:
        options = self.options
        trainable = self.names & names_of(model.layers, model.arrays, nnx.Param)
        if not trainable:
            raise Refused(
                Reason.FIELD_INVALID,
                field="scope",
                problem=f"{self.objective.text} follows a gradient, and the scope holds statistics only",
                found=sorted(self.names)[:3],
                remedy="Use moments, or a scope of learned arrays.",
            )
        counts = bool(self.names & names_of(model.layers, model.arrays, nnx.BatchStat)) and self.objective.solve is None
        largest = max(len(windows.values) for windows in groups.values())
        limit = epochs or max(1, round(options.steps * options.batch_size / max(largest, options.batch_size)))
        return train(
            model.layers,
            model.arrays,
            groups,
            _loss(self.objective, options.label_smoothing, options.pull_to_base, counts),
            optimizer=_adam(options.learning_rate),
            trainable=trainable,
            epochs=limit,
            batch_size=min(options.batch_size, largest),
            seed=self.seed,
            constants={"marginal": self.expected.astype(np.float32), "label_weights": self.label_weights()},
            validation=None if validation is None else Validation(validation, self.label_weights()),
            patience=max(2, round(limit * options.patience)),
            checkpoint=checkpoint,
            **hooks,
        )


def part(checkpoint: Checkpoint | None, name: str) -> Checkpoint | None:
    """The same checkpoint in a folder of its own."""
    return None if checkpoint is None else replace(checkpoint, folder=checkpoint.folder / name)


def _rows(windows: Windows, rows: Any) -> Windows:
    return Windows(windows.values[rows], windows.labels[rows])


@lru_cache(maxsize=16)
def _adam(learning_rate: float) -> optax.GradientTransformation:
    return optax.adam(learning_rate)


@lru_cache(maxsize=64)
def _loss(objective: Objective, label_smoothing: float, pull: float, counts: bool) -> Loss:
    assert objective.loss is not None
    term = objective.loss

    def loss(network: Network, batch: Batch, key: Array) -> Array:
        domains = {name: _domain(network, windows, counts, key) for name, windows in sorted(batch.groups.items())}
        signals = Signals(
            labelled=domains.get("labelled"),
            target=domains.get("target"),
            source=domains.get("source"),
            marginal=batch.constants["marginal"],
            label_weights=batch.constants["label_weights"],
            label_smoothing=label_smoothing,
        )
        now = network.arrays()
        distance = sum((jnp.square(now[name] - array).sum() for name, array in batch.initial.items()), jnp.float32(0))
        return term(signals) + 0.5 * pull * distance

    return loss


def _domain(network: Network, windows: Windows, counts: bool, key: Array) -> Domain:
    features = network.features(windows.values, counts, key)
    return Domain(features, network.head(features), windows.labels)
