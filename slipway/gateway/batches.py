"""A batch of a device's upload, checked as the server would check it: what it would refuse is not kept for it."""

import numpy as np

from slipway.client.values import Dataset
from slipway.errors import Reason, Refused
from slipway.v1 import datasets_pb2 as pb
from slipway.windows import Answers, Values, answered, check_labels, check_targets, check_values, unanswered


def checked(batch: pb.WindowBatch, dataset: Dataset) -> tuple[Values, Answers]:
    """Windows (count, time, channels), and a label (count,) or targets (count, outputs) for each or for none.

    Raises:
        Refused: FIELD_REQUIRED, FIELD_INVALID, SAMPLE_NOT_FINITE, LABEL_OUTSIDE_CLASSES or WINDOW_SHAPE_MISMATCH.
    """
    if not batch.values:
        raise Refused(Reason.FIELD_REQUIRED, field="batch.values")
    sensor, outputs = dataset.sensor, len(dataset.outputs)
    size = 4 * sensor.window_shape[0] * sensor.window_shape[1]
    if len(batch.values) % size:
        raise _invalid("values", f"needs whole windows of {size} bytes", f"{len(batch.values)} bytes")
    values = np.frombuffer(batch.values, "<f4").reshape(-1, *sensor.window_shape)
    values = check_values(values, sensor, "batch.values", batch.offset)
    if batch.targets:
        if len(batch.targets) != len(values) * outputs:
            raise _invalid("targets", f"needs {len(values) * outputs} targets or none", len(batch.targets))
        targets = np.asarray(batch.targets, np.float32).reshape(len(values), outputs)
        if not answered(check_targets(targets, outputs, "batch.targets", batch.offset)).all():
            raise _invalid("targets", "needs finite targets", "NaN")
        return values, targets
    if batch.labels:
        if outputs or len(batch.labels) != len(values):
            raise _invalid("labels", f"needs {0 if outputs else len(values)} labels or none", len(batch.labels))
        return values, check_labels(batch.labels, len(dataset.classes), "batch.labels", batch.offset)
    return values, unanswered(len(values), outputs)


def answer_bytes(answers: Answers, index: int) -> bytes:
    """The answer of one window; empty where nobody said anything."""
    if not answered(answers[index : index + 1])[0]:
        return b""
    return np.ascontiguousarray(answers[index], "<f4" if answers.ndim == 2 else "<i4").tobytes()


def _invalid(field: str, problem: str, found: object) -> Refused:
    remedy = "Send float32 windows of the dataset's sensor, with an answer for each or for none."
    return Refused(Reason.FIELD_INVALID, field=f"batch.{field}", problem=problem, found=found, remedy=remedy)
