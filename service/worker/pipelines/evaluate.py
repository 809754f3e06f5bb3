"""Measure a version on labelled windows."""

import numpy as np
import numpy.typing as npt

from export.proof import run
from nets.inference import logits
from nets.metrics import accuracy, confusion, macro_f1
from nets.model import Model
from service.domain import EvaluateSpec, Evaluation, Outcome
from service.worker.context import Context
from service.worker.pipelines.fit import check_fit
from service.worker.pipelines.stages import Stages
from slipway.errors import Reason, Refused
from slipway.windows import UNLABELLED, Labels, check_values


def evaluate(spec: EvaluateSpec, context: Context) -> Outcome:
    """Count right and wrong answers of one form of a version.

    Raises:
        Refused: no labelled window, windows that do not fit, or a form that was not exported yet.
        Cancelled: the job was asked to stop.
    """
    stages = Stages(context)
    with stages.stage("reading"):
        model = Model.from_bytes(context.artifact(spec.version, "model"))
        stored = context.dataset(spec.dataset)
        check_fit(stored, model.task, "evaluate.dataset")
        said = np.asarray(stored.labels) != UNLABELLED
        if not said.any():
            raise Refused(Reason.LABELS_MISSING, field="evaluate.dataset", found=0, name=stored.name, expected="1")
        values = check_values(np.asarray(stored.values)[said], model.task.sensor, "evaluate.dataset")
        labels = np.asarray(stored.labels)[said]
    with stages.stage("answering"):
        if spec.form == "learned":
            answers = logits(model, values)
        else:
            answers = run(context.artifact(spec.version, spec.form), values)
    return Outcome(evaluation=measure(answers.argmax(1), labels, model.task.classes), stage_seconds=stages.seconds)


def measure(answers: npt.NDArray[np.int64], labels: Labels, classes: tuple[str, ...]) -> Evaluation:
    """Accuracy, macro-F1 and the confusion matrix of answers (count,) to windows labelled (count,)."""
    counts = confusion(answers, labels, len(classes))
    rows = tuple(tuple(int(count) for count in row) for row in counts)
    return Evaluation(accuracy(counts), macro_f1(counts), rows, classes, len(labels))
