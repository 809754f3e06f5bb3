"""Whether a dataset is of the kind that a model answers: the same sensor, and the same classes where it has labels."""

import numpy as np

from service.worker.context import StoredWindows
from slipway.errors import Reason, Refused
from slipway.spec import SensorSpec, TaskSpec
from slipway.windows import UNLABELLED


def check_fit(dataset: StoredWindows, task: TaskSpec, field: str) -> None:
    """Refuse a dataset whose windows or labels mean something else than the model's. Names of channels may differ.

    Args:
        dataset: what a job names.
        task: what its model answers.
        field: of the job that names the dataset.

    Raises:
        Refused: WINDOW_SHAPE_MISMATCH, RATE_MISMATCH, or FIELD_INVALID for units or classes.
    """
    found, expected = dataset.sensor, task.sensor
    if found.window_shape != expected.window_shape:
        raise Refused(
            Reason.WINDOW_SHAPE_MISMATCH, field=field, found=found.window_shape, expected=expected.window_shape
        )
    if found.rate_hz != expected.rate_hz:
        raise Refused(Reason.RATE_MISMATCH, field=field, found=found.rate_hz, expected=expected.rate_hz)
    if _units(found) != _units(expected):
        remedy = "Convert the windows, or describe the sensor in the model's units."
        problem = f"its channels are not in the model's units {_units(expected)}"
        raise Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=_units(found), remedy=remedy)
    if (np.asarray(dataset.labels) != UNLABELLED).any() and dataset.classes != task.classes:
        remedy = "Label the dataset with the classes of the model's task, in their order."
        problem = f"its labels index other classes than the model's {task.classes}"
        raise Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=dataset.classes, remedy=remedy)


def _units(sensor: SensorSpec) -> tuple[str, ...]:
    return tuple(channel.unit for channel in sensor.channels)
