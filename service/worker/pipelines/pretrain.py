"""Learn a base from a simulator or from labelled windows."""

import hashlib
import json
from dataclasses import dataclass, replace

import jax
import numpy as np

from nets.architectures import ARCHITECTURES
from nets.checkpoints import Checkpoint
from nets.model import parameter_count
from nets.pretraining import Pretrained, Recipe
from nets.pretraining import pretrain as train
from nets.recipe import recipe_for
from service.domain import DataReference, Lineage, NewVersion, Outcome, PretrainSpec
from service.worker.context import Context
from service.worker.pipelines.curriculum import curriculum_from, train_in_rounds
from service.worker.pipelines.sample import SAMPLE_COUNT, Sample, encode
from service.worker.pipelines.stages import Stages, point
from service.worker.pipelines.worlds import prior_of, unknown, world_named
from sim.generate import windows
from sim.priors import Prior
from slipway.errors import Reason, Refused
from slipway.spec import TaskSpec
from slipway.windows import Answers, Values, answered

WINDOW_COUNT = 1_000_000
WINDOW_LIMIT = 5_000_000
EPOCH_LIMIT = 10_000
CHECKPOINT_SECONDS = 2.0


@dataclass(frozen=True)
class Source:
    """Labelled windows to learn from, and where they come from."""

    task: TaskSpec
    values: Values
    labels: Answers
    reference: DataReference
    prior_json: str = ""


def pretrain(spec: PretrainSpec, context: Context) -> Outcome:
    """Train a base, saving as it goes, so that a killed attempt is taken up where it was.

    Raises:
        Refused: an unknown world, architecture or parameter, or windows without labels.
        Cancelled: the job was asked to stop.
    """
    stages = Stages(context)
    _check(spec)
    if spec.curriculum is not None:
        return _in_rounds(spec, context, stages)
    with stages.stage("simulating" if spec.world else "reading"):
        source = _simulated(spec, context) if spec.world else _recorded(spec, context)
    recipe = recipe_for(
        source.task,
        len(source.labels),
        architecture=spec.architecture,
        epochs=spec.epoch_count,
        simulated=bool(spec.world),
    )
    with stages.stage("training"):
        found = train(
            source.task,
            source.values,
            source.labels,
            recipe=recipe,
            seed=spec.seed,
            progress=stages.epochs("training", recipe.epochs),
            should_stop=context.should_stop,
            checkpoint=Checkpoint(context.folder / "training", every_seconds=CHECKPOINT_SECONDS),
        )
    return _outcome(spec, source, recipe, found, stages)


def _in_rounds(spec: PretrainSpec, context: Context, stages: Stages) -> Outcome:
    """Train in the rounds of a curriculum; the windows of the last one are what adaptations compare with."""
    world = world_named(spec.world, context, "pretrain.world.world")
    prior, count = prior_of(world, spec.prior), spec.window_count or WINDOW_COUNT
    recipe = recipe_for(world.task, count, architecture=spec.architecture, epochs=spec.epoch_count, simulated=True)
    curriculum = curriculum_from(spec.curriculum or {})
    with stages.stage("training"):
        found, course, state = train_in_rounds(
            curriculum, world, prior, recipe, context, stages, window_count=count, seed=spec.seed
        )
    reference = DataReference(f"worlds/{spec.world}", course.digest.hexdigest(), course.window_count)
    assert course.values is not None and course.labels is not None  # there was one round at least
    source = Source(world.task, course.values, course.labels, reference, _json(state.prior))
    return _outcome(spec, source, recipe, replace(found, curve=tuple(course.curve)), stages)


def _outcome(spec: PretrainSpec, source: Source, recipe: Recipe, found: Pretrained, stages: Stages) -> Outcome:
    version = NewVersion(
        model_id=spec.model_id,
        task=source.task.to_json(),
        lineage=Lineage(recipe.architecture, spec.seed, "", (source.reference,), source.prior_json),
        parameter_count=parameter_count(found.model),
        files={"model": found.model.to_bytes(), "source": encode(_sample(source, found.confidence))},
        history=tuple(point(row, "training", recipe.epochs) for row in found.curve),
    )
    return Outcome(version=version, stage_seconds=stages.seconds)


def _check(spec: PretrainSpec) -> None:
    """Refuse what cannot be done before anything is simulated."""
    if spec.architecture and spec.architecture not in ARCHITECTURES:
        raise unknown("pretrain.architecture", spec.architecture, ARCHITECTURES)
    _check_count("pretrain.epoch_count", spec.epoch_count, EPOCH_LIMIT)
    _check_count("pretrain.world.window_count", spec.window_count, WINDOW_LIMIT)


def _simulated(spec: PretrainSpec, context: Context) -> Source:
    world = world_named(spec.world, context, "pretrain.world.world")
    prior = prior_of(world, spec.prior)
    values, labels = windows(world, jax.random.key(spec.seed), spec.window_count or WINDOW_COUNT, prior)
    reference = DataReference(f"worlds/{spec.world}", _digest(values, labels), len(labels))
    return Source(world.task, values, labels, reference, _json(prior))


def _recorded(spec: PretrainSpec, context: Context) -> Source:
    stored = context.dataset(spec.dataset)
    if stored.outputs and not answered(np.asarray(stored.labels)).any():
        raise Refused(Reason.LABELS_MISSING, field="pretrain.dataset", found=0, name=stored.name, expected="2")
    task = TaskSpec(spec.model_id, stored.sensor, stored.classes, stored.outputs)
    reference = DataReference(stored.name, stored.sha256, len(stored.labels))
    return Source(task, stored.values, stored.labels, reference)


def _sample(source: Source, confidence: float | None) -> Sample:
    return Sample(source.values[:SAMPLE_COUNT], source.labels[:SAMPLE_COUNT], confidence)


def _digest(values: Values, labels: Answers) -> str:
    return hashlib.sha256(values.tobytes() + labels.tobytes()).hexdigest()


def _json(prior: Prior) -> str:
    return json.dumps(prior.to_json(), sort_keys=True)


def _check_count(field: str, found: int, limit: int) -> None:
    if not 0 <= found <= limit:
        remedy = "Use 0 for the default."
        raise Refused(Reason.FIELD_INVALID, field=field, problem=f"needs 0 to {limit}", found=found, remedy=remedy)
