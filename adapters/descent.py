"""An adaptation that follows a gradient: what it learns from, when it stops, and its loss for the one training loop."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax
from flax import nnx
from jax import Array

from adapters import marginal
from adapters.objective import Answer, Domain, Objective, Signals, Term, total
from adapters.options import Options
from adapters.scopes import Scope
from nets.checkpoints import Checkpoint
from nets.epoch import Batch, Loss, Merge, Refresh, Setting, of_layers
from nets.layers import Layers
from nets.model import Model
from nets.network import Network, names_of
from nets.training import Trained, Validation, train
from nets.windows import Windows, stratified_split
from slipway.errors import Reason, Refused
from slipway.spec import SensorSpec

BASE = "base."  # before the names of the base's arrays among the constants


@dataclass(frozen=True)
class Descent:
    """An adaptation that follows a gradient.

    Args:
        base: the model that nothing was changed in, with the layer that the scope needs.
        scope: which arrays may change.
        objective: has a loss.
        groups: windows by domain: ``labelled``, ``target``, ``source``, as the objective needs them.
        expected: (classes,), class shares expected in the target; ones for a regression.
        options: step sizes and the like.
        seed: of order, split and initial numbers.
    """

    base: Model
    scope: Scope
    objective: Objective
    groups: Mapping[str, Windows]
    expected: marginal.Shares
    options: Options
    seed: int

    def run(self, model: Model, *, checkpoint: Checkpoint | None, **hooks: Any) -> Trained:
        """Hold some labels out to find when to stop; then learn all labels for so long.

        Args:
            model: where to start: the base, or what the closed forms made of it.
        """
        groups, validation = self.hold_out()
        found = train(**self.arguments(model, groups, validation, None), checkpoint=part(checkpoint, "choose"), **hooks)
        if validation is None or found.best_epoch == 0:
            return found
        again = train(
            **self.arguments(model, self.groups, None, found.best_epoch), checkpoint=part(checkpoint, "refit"), **hooks
        )
        return replace(again, best_epoch=found.best_epoch, curve=found.curve)

    @property
    def counts(self) -> bool:
        """Whether the running statistics follow the batches: they are in scope, and no closed form has set them."""
        names = self.scope.names(self.base)
        return bool(names & names_of(self.base.layers, self.base.arrays, nnx.BatchStat)) and not self.objective.closed

    def label_weights(self) -> npt.NDArray[np.float32]:
        """Expected share of each class over its share of the labels: labels are often chosen evenly, life is not."""
        known = self.groups.get("labelled")
        if known is None or self.base.task.outputs:
            return np.ones(len(self.expected), np.float32)
        return (self.expected / marginal.counted(known.labels, len(self.expected))).astype(np.float32)

    def output_scale(self) -> npt.NDArray[np.float32]:
        """(outputs,), the deviation of a regression's known answers; ones for classes and where none is known."""
        count = self.base.task.answer_size
        known = [self.groups[name].labels for name in ("labelled", "source") if name in self.groups]
        if not self.base.task.outputs or not known:
            return np.ones(count, np.float32)
        deviation = np.nanstd(np.concatenate(known), 0)
        return np.where(np.isfinite(deviation) & (deviation > 0), deviation, 1).astype(np.float32)

    def arguments(
        self, model: Model, groups: Mapping[str, Windows], validation: Windows | None, epochs: int | None
    ) -> dict[str, Any]:
        """What ``nets.training.train`` needs to know of this descent.

        Raises:
            Refused: FIELD_INVALID, a scope that holds nothing a gradient could move.
        """
        options = self.options
        random = np.random.default_rng(self.seed)
        own: dict[str, npt.NDArray[np.float32]] = {}
        for factors in self.scope.factors:
            own |= factors.initial(model, random)
        trainable = frozenset(own) | self._direct(model)
        if not trainable:
            raise Refused(
                Reason.FIELD_INVALID,
                field="scope",
                problem=f"{self.objective.text} follows a gradient, and the scope holds statistics only",
                found=sorted(self.scope.names(model))[:3],
                remedy="Use moments, or a scope of learned arrays.",
            )
        terms = self.objective.descended
        for term in terms:
            own |= {} if term.initial is None else term.initial(model, random)
        largest = max(len(windows.values) for windows in groups.values())
        limit = epochs or max(1, round(options.steps * options.batch_size / max(largest, options.batch_size)))
        return {
            "layers": model.layers,
            "arrays": model.arrays,
            "groups": groups,
            "loss": _loss(terms, self.counts, self.base.task.sensor),
            "optimizer": adam(options.learning_rate),
            "trainable": trainable | frozenset(own),
            "epochs": limit,
            "batch_size": min(options.batch_size, largest),
            "seed": self.seed,
            "constants": self._constants(),
            "own": own,
            "merge": _merge(self.scope) if self.scope.factors else None,
            "refresh": _refresh(terms) if any(term.refresh for term in terms) else None,
            "validation": None if validation is None else Validation(validation, self.label_weights()),
            "patience": max(2, round(limit * options.patience)),
        }

    def _direct(self, model: Model) -> frozenset[str]:
        """The arrays in scope that follow the gradient themselves."""
        made = frozenset().union(*(factors.made(model) for factors in self.scope.factors))
        return (self.scope.names(model) - made) & names_of(model.layers, model.arrays, nnx.Param)

    def _constants(self) -> dict[str, npt.NDArray[np.float32]]:
        return {
            "marginal": np.asarray(self.expected, np.float32),
            "label_weights": self.label_weights(),
            "label_smoothing": np.asarray(self.options.label_smoothing, np.float32),
            "output_scale": self.output_scale(),
            "pull": np.asarray(self.options.pull_to_base, np.float32),
            "weights": self.objective.descent_weights,
            **{BASE + name: array for name, array in self.base.arrays.items()},
        }

    def hold_out(self) -> tuple[Mapping[str, Windows], Windows | None]:
        """The groups without some of the target's labels, and those; None where there are too few."""
        known = self.groups.get("labelled")
        if known is None:
            return self.groups, None
        learn, held_out = stratified_split(known.labels, self.options.validation_share, self.seed)
        if not len(held_out):
            return self.groups, None
        return {**self.groups, "labelled": _rows(known, learn)}, _rows(known, held_out)


def part(checkpoint: Checkpoint | None, name: str) -> Checkpoint | None:
    """The same checkpoint in a folder of its own."""
    return None if checkpoint is None else replace(checkpoint, folder=checkpoint.folder / name)


def _rows(windows: Windows, rows: Any) -> Windows:
    return Windows(windows.values[rows], windows.labels[rows])


_ADAM = optax.inject_hyperparams(optax.adam)(learning_rate=1.0)


def adam(learning_rate: float) -> optax.GradientTransformation:
    """Adam whose rate is a number in its state: one compiled program serves every rate."""

    def initial(arrays: optax.Params) -> Any:
        state: Any = _ADAM.init(arrays)
        return state._replace(hyperparams={**state.hyperparams, "learning_rate": jnp.float32(learning_rate)})

    return optax.GradientTransformation(initial, _ADAM.update)


@lru_cache(maxsize=64)
def _merge(scope: Scope) -> Merge:
    def merge(arrays: Mapping[str, Array]) -> dict[str, Array]:
        made = dict(arrays)
        for factors in scope.factors:
            made = {**made, **factors.merge(made)}
        return made

    return merge


@lru_cache(maxsize=64)
def _refresh(terms: tuple[Term, ...]) -> Refresh:
    def refresh(network: Network, setting: Setting) -> dict[str, Array]:
        windows, count = setting.groups["target"]
        found: dict[str, Array] = {}
        for term in terms:
            found |= {} if term.refresh is None else term.refresh(network, windows, count)
        return found

    return refresh


@lru_cache(maxsize=128)
def _loss(terms: tuple[Term, ...], counts: bool, sensor: SensorSpec) -> Loss:
    def loss(network: Network, batch: Batch, key: Array) -> Array:
        keys = dict(zip((*sorted(batch.groups), "terms"), jax.random.split(key, len(batch.groups) + 1), strict=True))
        domains = {name: _domain(network, batch, name, counts, keys[name]) for name in sorted(batch.groups)}
        known = batch.constants
        base = Network(network.layers, {n.removeprefix(BASE): a for n, a in known.items() if n.startswith(BASE)})
        now = {**network.arrays(), **batch.own}
        initial = _in_scope(batch.initial, terms)
        changed = {name: now[name] for name in initial}
        signals = Signals(
            labelled=domains.get("labelled"),
            target=domains.get("target"),
            source=domains.get("source"),
            marginal=known["marginal"],
            label_weights=known["label_weights"],
            label_smoothing=known["label_smoothing"],
            output_scale=known["output_scale"],
            run=_run(network.layers, now, counts),
            head=network.head,
            base=lambda values: jax.lax.stop_gradient(_answer(base, values)),
            changed=changed,
            initial=initial,
            own=batch.own,
            found=batch.found,
            progress=batch.progress,
            key=keys["terms"],
            sensor=sensor,
        )
        return total(terms, known["weights"], signals) + 0.5 * known["pull"] * _distance(changed, initial)

    return loss


def _in_scope(arrays: Mapping[str, Array], terms: tuple[Term, ...]) -> dict[str, Array]:
    """Without the terms' own numbers: a discriminator, say, is nowhere near a base."""
    own = tuple(f"{term.name}." for term in terms)
    return {name: array for name, array in arrays.items() if not name.startswith(own)}


def _distance(changed: Mapping[str, Array], initial: Mapping[str, Array]) -> Array:
    return sum((jnp.square(changed[name] - array).sum() for name, array in initial.items()), jnp.float32(0))


def _domain(network: Network, batch: Batch, name: str, counts: bool, key: Array) -> Domain:
    windows = batch.groups[name]
    features = network.features(windows.values, counts, key)
    return Domain(windows.values, features, network.head(features), windows.labels, batch.rows[name])


def _run(layers: Layers, arrays: Mapping[str, Array], counts: bool) -> Any:
    """Answers to further windows, in the same mode; what they would count into the running statistics is dropped."""
    return lambda values: _answer(Network(layers, of_layers(arrays)), values, counts)


def _answer(network: Network, values: Array, counts: bool = False) -> Answer:
    features = network.features(values, counts)
    return features, network.head(features)
