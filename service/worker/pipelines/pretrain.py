"""Learn a base from a simulator or from labelled windows."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

import jax

from nets.architectures import ARCHITECTURES
from nets.checkpoints import Checkpoint
from nets.model import parameter_count
from nets.pretraining import pretrain as train
from nets.recipe import recipe_for
from service.domain import DataReference, Lineage, NewVersion, Outcome, PretrainSpec
from service.worker.context import Context
from service.worker.pipelines.sample import SAMPLE_COUNT, Sample, encode
from service.worker.pipelines.stages import Stages, point
from sim.catalog import WORLDS
from sim.generate import windows
from sim.priors import Prior
from sim.world import World
from slipway.errors import Reason, Refused
from slipway.spec import TaskSpec
from slipway.windows import Labels, Values

WINDOW_COUNT = 1_000_000
WINDOW_LIMIT = 5_000_000
EPOCH_LIMIT = 10_000
CHECKPOINT_SECONDS = 2.0


@dataclass(frozen=True)
class Source:
    """Labelled windows to learn from, and where they come from."""

    task: TaskSpec
    values: Values
    labels: Labels
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
    with stages.stage("simulating" if spec.world else "reading"):
        source = _simulated(spec) if spec.world else _recorded(spec, context)
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
        raise _unknown("pretrain.architecture", spec.architecture, ARCHITECTURES)
    _check_count("pretrain.epoch_count", spec.epoch_count, EPOCH_LIMIT)
    _check_count("pretrain.world.window_count", spec.window_count, WINDOW_LIMIT)


def _simulated(spec: PretrainSpec) -> Source:
    if spec.world not in WORLDS:
        raise _unknown("pretrain.world.world", spec.world, WORLDS)
    world = WORLDS[spec.world]
    prior = _prior(world, spec)
    values, labels = windows(world, jax.random.key(spec.seed), spec.window_count or WINDOW_COUNT, prior)
    reference = DataReference(f"worlds/{spec.world}", _digest(values, labels), len(labels))
    return Source(world.task, values, labels, reference, json.dumps(prior.to_json(), sort_keys=True))


def _prior(world: World, spec: PretrainSpec) -> Prior:
    """The world's own prior, with the rows that the job gives in place of its own."""
    if not spec.prior:
        return world.prior
    return Prior.from_json({**world.prior.to_json(), **spec.prior}, world.prior.parameters)


def _recorded(spec: PretrainSpec, context: Context) -> Source:
    stored = context.dataset(spec.dataset)
    task = TaskSpec(spec.model_id, stored.sensor, stored.classes)
    reference = DataReference(stored.name, stored.sha256, len(stored.labels))
    return Source(task, stored.values, stored.labels, reference)


def _sample(source: Source, confidence: float | None) -> Sample:
    return Sample(source.values[:SAMPLE_COUNT], source.labels[:SAMPLE_COUNT], confidence)


def _digest(values: Values, labels: Labels) -> str:
    return hashlib.sha256(values.tobytes() + labels.tobytes()).hexdigest()


def _unknown(field: str, found: str, known: Iterable[str]) -> Refused:
    remedy = f"Use one of {', '.join(sorted(known))}."
    return Refused(Reason.FIELD_INVALID, field=field, problem="is not known here", found=repr(found), remedy=remedy)


def _check_count(field: str, found: int, limit: int) -> None:
    if not 0 <= found <= limit:
        remedy = "Use 0 for the default."
        raise Refused(Reason.FIELD_INVALID, field=field, problem=f"needs 0 to {limit}", found=found, remedy=remedy)
