"""Make a version of a graph from elsewhere."""

import hashlib

import numpy as np

from service.domain import GRAPH, DataReference, ImportSpec, Lineage, NewVersion, Outcome
from service.worker.context import Context
from service.worker.pipelines.reading import Reading, read_apart
from service.worker.pipelines.sample import Sample, encode
from service.worker.pipelines.stages import Stages
from slipway.errors import Reason, Refused
from slipway.spec import TaskSpec
from slipway.windows import unanswered

METHOD = "imported"


def import_model(spec: ImportSpec, context: Context) -> Outcome:
    """Check the file that came with the job, and enter what was made of it.

    Raises:
        Refused: as ``export.importing.read_graph``, or a file that its reader did not survive.
        Cancelled: the job was asked to stop.
    """
    stages = Stages(context)
    with stages.stage("reading"):
        data = context.uploaded(GRAPH)
    with stages.stage("checking"):
        try:
            found = read_apart(data, spec.task, spec.layout, context.folder / "reading", context.should_stop)
        except Refused as refused:
            raise _of_an_import(refused) from None
    origin = DataReference(GRAPH, hashlib.sha256(data).hexdigest(), 0)
    version = NewVersion(
        model_id=spec.model_id,
        task=spec.task,
        lineage=Lineage(_method(found), data=(origin,)),
        parameter_count=found.parameter_count,
        files=_files(found, TaskSpec.from_json(spec.task)),
    )
    return Outcome(version=version, stage_seconds=stages.seconds, explanation=_explanation(found))


def _files(found: Reading, task: TaskSpec) -> dict[str, bytes]:
    """The graph; of a model also the model, and a sample of its source: nobody knows a window of it."""
    graph = {f"{found.precision}_onnx": found.graph}
    if not found.model:
        return graph
    nothing = Sample(np.zeros((0, *task.sensor.window_shape), np.float32), unanswered(0, len(task.outputs)), None)
    return {**graph, "model": found.model, "source": encode(nothing)}


def _method(found: Reading) -> str:
    return f"{METHOD}, only runs: {found.obstacle}" if found.obstacle else METHOD


def _explanation(found: Reading) -> str:
    if found.model:
        return (
            "Every node is one of our layers: the version adapts, is fitted and is exported like one that learned here."
        )
    words = f"The graph runs, and no more: it can be exported, and evaluated as {found.precision}_onnx."
    return f"{words} What no layer describes: {found.obstacle}."


def _of_an_import(refused: Refused) -> Refused:
    """The same refusal where its words are those of a bundle on a device."""
    if refused.reason is not Reason.BUNDLE_MALFORMED:
        return refused
    remedy = "Save it as one ONNX file of standard operators, weights inside, without functions and subgraphs."
    problem, found = "needs an ONNX file that is complete in itself", f"one that {refused.details['problem']}"
    return Refused(Reason.FIELD_INVALID, field=refused.field, problem=problem, found=found, remedy=remedy)
