"""Measure a version on labelled windows."""

import numpy as np
import numpy.typing as npt

from export.proof import run
from nets.inference import logits
from nets.metrics import accuracy, confusion, determination, macro_f1
from nets.model import Model
from service.domain import EvaluateSpec, Evaluation, Outcome, OutputEvaluation
from service.worker.context import Context
from service.worker.pipelines.order import optional
from service.worker.pipelines.same_task import check_fit
from service.worker.pipelines.stages import Stages
from slipway.errors import Reason, Refused
from slipway.spec import Channel
from slipway.windows import Labels, Targets, answered, check_values


def evaluate(spec: EvaluateSpec, context: Context) -> Outcome:
    """Count right and wrong answers of one form of a version, or measure its errors where it is a regression.

    Raises:
        Refused: no labelled window, windows that do not fit, or a form that was not exported yet.
        Cancelled: the job was asked to stop.
    """
    stages = Stages(context)
    with stages.stage("reading"):
        learned = optional(context, spec.version, "model")
        model = Model.from_bytes(learned) if learned else None
        task = model.task if model else context.task(spec.version)
        stored = context.dataset(spec.dataset)
        check_fit(stored, task, "evaluate.dataset")
        said = answered(np.asarray(stored.labels))
        if not said.any():
            raise Refused(Reason.LABELS_MISSING, field="evaluate.dataset", found=0, name=stored.name, expected="1")
        values = check_values(np.asarray(stored.values)[said], task.sensor, "evaluate.dataset")
        labels = np.asarray(stored.labels)[said]
    with stages.stage("answering"):
        if spec.form == "learned":
            assert model is not None, "a version without layers is refused when such a job is created"
            answers = logits(model, values)
        else:
            answers = run(context.artifact(spec.version, spec.form), values)
    if task.outputs:
        found = measure_outputs(answers, labels, task.outputs)
    else:
        found = measure(answers.argmax(1), labels, task.classes)
    return Outcome(evaluation=found, stage_seconds=stages.seconds)


def measure(answers: npt.NDArray[np.int64], labels: Labels, classes: tuple[str, ...]) -> Evaluation:
    """Accuracy, macro-F1 and the confusion matrix of answers (count,) to windows labelled (count,)."""
    counts = confusion(answers, labels, len(classes))
    rows = tuple(tuple(int(count) for count in row) for row in counts)
    return Evaluation(accuracy(counts), macro_f1(counts), rows, classes, len(labels))


def measure_outputs(answers: Targets, targets: Targets, outputs: tuple[Channel, ...]) -> Evaluation:
    """R² and the root mean square error of every output of answers (count, outputs) to targets (count, outputs)."""
    shares = determination(answers, targets)
    errors = np.sqrt(np.square(np.float64(answers) - targets).mean(0))
    rows = (
        OutputEvaluation(output.name, output.unit, float(share), float(error))
        for output, share, error in zip(outputs, shares, errors, strict=True)
    )
    return Evaluation(0.0, 0.0, (), (), len(targets), tuple(rows))
