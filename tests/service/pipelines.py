"""Pipelines that a test can follow with the eye: no JAX, no training, the same interface as the real ones."""

from collections.abc import Callable

from service.domain import (
    AdaptSpec,
    DataReference,
    Decision,
    EvaluateSpec,
    Evaluation,
    Evidence,
    ExportSpec,
    JobSpec,
    Lineage,
    NewVersion,
    Outcome,
    PretrainSpec,
    Progress,
)
from service.worker.context import Cancelled, Context
from slipway.spec import Channel, SensorSpec, TaskSpec

SENSOR = SensorSpec((Channel("left", "m"), Channel("right", "m")), 10.0, 3)
TASK = TaskSpec("rover", SENSOR, ("go", "stop"))
Pipelines = dict[str, Callable[[JobSpec, Context], Outcome]]


def pretrain(spec: JobSpec, context: Context) -> Outcome:
    """Learn nothing, in two epochs; the seed is the file's content."""
    assert isinstance(spec, PretrainSpec)
    history = tuple(Progress("training", epoch / 2, epoch, 1.0 / epoch, 0.4 + epoch / 5) for epoch in (1, 2))
    for point in history:
        context.report(point)
    prior = str(spec.prior) if spec.prior else ""
    lineage = Lineage("mlp", spec.seed, data=(DataReference("worlds/rover", "0" * 64, 10),), prior_json=prior)
    files = {"model": f"model of seed {spec.seed}".encode()}
    version = NewVersion(spec.model_id, TASK.to_json(), lineage, 123, files, history)
    return Outcome(version=version, stage_seconds={"training": 0.5})


def adapt(spec: JobSpec, context: Context) -> Outcome:
    """Promote the input statistics of the target."""
    assert isinstance(spec, AdaptSpec)
    target = context.dataset(spec.target)
    evidence = (Evidence("base", {"entropy": 0.2}, 2.0, "worst"), Evidence("input_statistics", {"entropy": 0.5}, 1.0))
    decision = Decision("input_statistics", True, "It has the better evidence.", evidence)
    data = (DataReference(target.name, target.sha256, len(target.values)),)
    lineage = Lineage("input_statistics × moments", spec.seed, spec.base, data, decision=decision)
    files = {"model": context.artifact(spec.base, "model") + b" adapted", "adapter": b"delta"}
    version = NewVersion(spec.base.split("/")[1], TASK.to_json(), lineage, 123, files)
    return Outcome(version=version, decision=decision, adapter_size_bytes=5)


def export(spec: JobSpec, context: Context) -> Outcome:
    """Make a bundle of some length out of the model."""
    assert isinstance(spec, ExportSpec)
    bundle = context.artifact(spec.version, "model") * 50_000
    return Outcome(artifacts={"bundle": bundle, "int8_onnx": b"int8"}, artifacts_of=spec.version)


def evaluate(spec: JobSpec, context: Context) -> Outcome:
    """Count the labels as if every answer were right."""
    assert isinstance(spec, EvaluateSpec)
    stored = context.dataset(spec.dataset)
    go, stop = (int((stored.labels == label).sum()) for label in (0, 1))
    return Outcome(evaluation=Evaluation(1.0, 1.0, ((go, 0), (0, stop)), stored.classes, go + stop))


def wait_for_cancel(spec: JobSpec, context: Context) -> Outcome:
    """Say that it began, then wait to be told to stop."""
    context.report(Progress("waiting", 0.5, 1))
    while not context.should_stop():
        pass
    raise Cancelled


PIPELINES: Pipelines = {"pretrain": pretrain, "adapt": adapt, "export": export, "evaluate": evaluate}
