"""The rows that every study has: what each thing the device gives is worth, from nothing to every label.

Nothing here sees a test label before the last line of a row. The gate chooses the shipped rows; the statistics rows are
what they are, let through or not.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from adapters.choice import choose
from adapters.engine import adapt
from adapters.recipe import EFFORT, default_plans
from nets.model import Model
from nets.pretraining import Pretrained, Recipe, pretrain
from nets.recipe import recipe_for
from slipway.spec import TaskSpec
from slipway.windows import Labels, Values
from studies.labels import few_labels
from studies.scores import Scores, int8, score
from studies.study import Domain

SHOTS = (1, 5, 20)  # labels a class
STRETCHES_S = (1, 5, 30)  # seconds of answers to a regression
SOURCE_COUNT = 4096  # source windows the gate and the objectives may compare with
MANY = 50  # labels a class that a few with the base are compared with
REPLAYED = 4096  # simulated windows beside as many of the device's labelled ones, repeated
MOVING_EPOCHS = 6
MOVING_RATE = 3e-4


@dataclass(frozen=True)
class Case:
    """One run of a study: what was simulated, the device's pool, and its test.

    Args:
        task: what is asked.
        source: simulated from the world's own prior.
        identified: simulated from the prior fitted to the pool; None where nothing was fitted.
        pool: in the order of time.
        test: never looked at before a row's score.
        seed: of everything random.
        hop: samples from one window of the pool to the next.
    """

    task: TaskSpec
    source: Domain
    pool: Domain
    test: Domain
    seed: int
    identified: Domain | None = None
    hop: int = 1


def climb(case: Case) -> Iterator[tuple[str, Scores]]:
    """Yield (row, scores) from zero-shot to all labels, then the int8 form of what ships."""
    base = _learn(case, case.source, simulated=True)
    yield "zero_shot", score(case.task, base.model, case.test)
    if case.identified is not None:
        fitted = _learn(case, case.identified, simulated=True)
        yield "identified", score(case.task, fitted.model, case.test)
    for scope in ("input_statistics", "norm_statistics"):
        forced = adapt(base.model, scope=scope, objective="moments", target_values=case.pool.values, seed=case.seed)
        yield scope, score(case.task, forced.model, case.test)
    mixed = _learn(case, case.source, simulated=True, mixed=case.pool.values)
    yield "batch_norm_mixing", score(case.task, mixed.model, case.test)
    yield from _stretches(case, base.model) if case.task.outputs else _shots(case, base)
    yield "supervised", score(case.task, _learn(case, case.pool).model, case.test)


def _shots(case: Case, base: Pretrained) -> Iterator[tuple[str, Scores]]:
    """Few labels with the base and alone; and what the gate ships with them and without."""
    shipped = _shipped(case, base, None)
    yield "unsupervised", score(case.task, shipped, case.test)
    for count in SHOTS:
        known = few_labels(case.pool.labels, count, case.seed)
        few = _known(case, known)
        yield f"shot_{count}", score(case.task, _moved(case, base.model, few), case.test)
        yield f"gated_{count}", score(case.task, _shipped(case, base, known), case.test)
        yield f"scratch_{count}", score(case.task, _learn(case, few).model, case.test)
    known = few_labels(case.pool.labels, MANY, case.seed)
    yield f"scratch_{MANY}", score(case.task, _learn(case, _known(case, known)).model, case.test)
    yield "int8", int8(case.task, shipped, case.pool, case.test, case.seed)


def _stretches(case: Case, base: Model) -> Iterator[tuple[str, Scores]]:
    """The first seconds of the pool with their answers: moving the base, and alone."""
    for seconds in STRETCHES_S:
        rows = slice(int(seconds * case.task.sensor.rate_hz / case.hop))
        few = Domain(case.pool.values[rows], case.pool.labels[rows])
        yield f"seconds_{seconds}", score(case.task, _moved(case, base, few), case.test)
        yield f"scratch_{seconds}", score(case.task, _learn(case, few).model, case.test)


def _known(case: Case, labels: Labels) -> Domain:
    return Domain(case.pool.values[labels >= 0], labels[labels >= 0])


def _moved(case: Case, base: Model, few: Domain) -> Model:
    """The base trained on, half on the device's labelled windows and half on simulated ones, lest it forget."""
    values, labels = case.source.values[:REPLAYED], case.source.labels[:REPLAYED]
    again = np.resize(np.arange(len(few.labels)), REPLAYED)
    recipe = Recipe(
        epochs=MOVING_EPOCHS, batch_size=64, learning_rate=MOVING_RATE, label_smoothing=0.0, validation_share=0.0
    )
    both = np.concatenate([values, few.values[again]]), np.concatenate([labels, few.labels[again]])
    return pretrain(case.task, *both, recipe=recipe, seed=case.seed, start=base).model


def _learn(case: Case, domain: Domain, *, simulated: bool = False, mixed: Values | None = None) -> Pretrained:
    recipe = recipe_for(case.task, len(domain.labels), simulated=simulated)
    return pretrain(case.task, domain.values, domain.labels, recipe=recipe, seed=case.seed, mixed=mixed)


def _shipped(case: Case, base: Pretrained, labels: Labels | None) -> Model:
    """What the gate lets through, with the labels that the device gives, if any."""
    return choose(
        base.model,
        default_plans(labels, len(case.task.classes)),
        target_values=case.pool.values,
        target_labels=labels,
        source_values=case.source.values[:SOURCE_COUNT],
        source_labels=case.source.labels[:SOURCE_COUNT],
        home_confidence=base.confidence,
        effort=EFFORT,
        seed=case.seed,
    ).model
