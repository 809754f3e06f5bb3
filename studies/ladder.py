"""The rows that every study has: what each thing the device gives is worth, from nothing to every label.

Nothing here sees a test label before the last line of a row. The gate chooses the shipped rows; the statistics rows are
what they are, let through or not.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from adapters.choice import choose
from adapters.engine import adapt
from adapters.recipe import default_plans
from export.package import export
from export.proof import run
from nets.inference import logits
from nets.metrics import accuracy, confusion, macro_f1
from nets.model import Model
from nets.pretraining import Pretrained, pretrain
from nets.recipe import recipe_for
from slipway.spec import TaskSpec
from slipway.windows import Labels, Values
from studies.rover import few_labels

SHOTS = (1, 5, 20)  # labels a class
SOURCE_COUNT = 4096  # source windows the gate and the objectives may compare with


@dataclass(frozen=True)
class Domain:
    """Labelled windows: values (count, time, channels) and labels (count,)."""

    values: Values
    labels: Labels


@dataclass(frozen=True)
class Case:
    """One run of a study: what was simulated, the device's pool, and its test."""

    task: TaskSpec
    source: Domain
    pool: Domain
    test: Domain
    seed: int


Scores = Mapping[str, float]


def climb(case: Case) -> Iterator[tuple[str, Scores]]:
    """Yield (row, {accuracy, macro_f1}) from zero-shot to all labels, then the int8 form of what ships."""
    base = _learn(case, case.source, simulated=True)
    yield "zero_shot", score(case, base.model)
    for scope in ("input_statistics", "norm_statistics"):
        forced = adapt(base.model, scope=scope, objective="moments", target_values=case.pool.values, seed=case.seed)
        yield scope, score(case, forced.model)
    shipped = _shipped(case, base, None)
    yield "unsupervised", score(case, shipped)
    for count in SHOTS:
        known = few_labels(case.pool.labels, count, case.seed)
        yield f"shot_{count}", score(case, _shipped(case, base, known))
        few = Domain(case.pool.values[known >= 0], known[known >= 0])
        yield f"scratch_{count}", score(case, _learn(case, few).model)
    yield "supervised", score(case, _learn(case, case.pool).model)
    yield "int8", _int8(case, shipped)


def _learn(case: Case, domain: Domain, simulated: bool = False) -> Pretrained:
    recipe = recipe_for(case.task, len(domain.labels), simulated=simulated)
    return pretrain(case.task, domain.values, domain.labels, recipe=recipe, seed=case.seed)


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
        seed=case.seed,
    ).model


def score(case: Case, model: Model) -> Scores:
    """Accuracy and macro-F1 of a model on the test."""
    return _score(case, logits(model, case.test.values).argmax(1))


def _int8(case: Case, model: Model) -> Scores:
    """The same of its int8 form, and the bundle's bytes."""
    pool = case.pool.values
    made = export(
        model,
        calibration_values=pool[0::2],
        proof_values=pool[1::2],
        self_test_values=pool[:1],
        lineage={"seed": case.seed},
        version="1",
    )
    assert made.int8_onnx is not None
    return {**_score(case, run(made.int8_onnx, case.test.values).argmax(1)), "bundle_bytes": len(made.bundle)}


def _score(case: Case, answers: np.ndarray) -> Scores:
    counts = confusion(answers, case.test.labels, len(case.task.classes))
    return {"accuracy": accuracy(counts), "macro_f1": macro_f1(counts)}
