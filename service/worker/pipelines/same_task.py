"""Whether a dataset is of the kind that a model answers: the same sensor, and the same answers where it has any."""

import numpy as np

from service.sensors import check_alike
from service.worker.context import StoredWindows
from slipway.errors import Reason, Refused
from slipway.spec import Channel, TaskSpec
from slipway.windows import answered


def check_fit(dataset: StoredWindows, task: TaskSpec, field: str) -> None:
    """Refuse a dataset whose windows or answers mean something else than the model's. Names of channels may differ.

    Args:
        dataset: what a job names.
        task: what its model answers.
        field: of the job that names the dataset.

    Raises:
        Refused: WINDOW_SHAPE_MISMATCH, RATE_MISMATCH, or FIELD_INVALID for units, order, classes or outputs.
    """
    check_alike(dataset.sensor, task.sensor, field, "model")
    if not answered(np.asarray(dataset.labels)).any():
        return
    if dataset.classes != task.classes:
        remedy = "Label the dataset with the classes of the model's task, in their order."
        problem = f"its labels index other classes than the model's {task.classes}"
        raise Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=dataset.classes, remedy=remedy)
    if dataset.outputs != task.outputs:
        remedy = "Give targets of the outputs of the model's task, in their order and units."
        problem = f"its targets are other outputs than the model's {_words(task.outputs)}"
        raise Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=_words(dataset.outputs), remedy=remedy)


def _words(outputs: tuple[Channel, ...]) -> str:
    return ", ".join(f"{output.name} ({output.unit})" for output in outputs) or "none"
