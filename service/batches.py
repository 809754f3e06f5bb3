"""A batch of an upload, checked: whole windows of the right sensor, and an answer for each of them or for none."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from service.catalogue.records import Dataset
from slipway.errors import Reason, Refused
from slipway.spec import SensorSpec
from slipway.windows import UNLABELLED, Answers, Targets, Values, check_labels, check_values, unanswered


@dataclass(frozen=True)
class Batch:
    """Windows from ``offset`` on: little-endian float32 bytes, and a label or targets for each window or for none."""

    offset: int
    values: bytes
    labels: Sequence[int] = ()
    targets: Sequence[float] = ()


def checked(batch: Batch, dataset: Dataset, offset: int, window_count: int) -> tuple[Values, Answers]:
    """The windows and answers of the next batch of an upload.

    Args:
        batch: as it was sent.
        dataset: what it is for.
        offset: where the upload stands.
        window_count: windows announced.

    Raises:
        Refused: UPLOAD_OFFSET_MISMATCH, SAMPLE_NOT_FINITE, LABEL_OUTSIDE_CLASSES, FIELD_REQUIRED, or FIELD_INVALID for
            lengths that do not fit, and for labels or targets that the dataset has no names for.
    """
    sensor = dataset.sensor
    if batch.offset != offset:
        raise Refused(Reason.UPLOAD_OFFSET_MISMATCH, field="batch.offset", found=batch.offset, expected=offset)
    count = _window_count(batch, sensor)
    if offset + count > window_count:
        problem = f"goes past the {window_count} windows that were announced"
        remedy = "Announce the right window_count, with a new upload_id."
        words = {"problem": problem, "found": offset + count, "remedy": remedy}
        raise Refused(Reason.FIELD_INVALID, field="batch.values", **words)
    values = np.frombuffer(batch.values, "<f4").reshape(count, *sensor.window_shape)
    return check_values(values, sensor, "batch.values", batch.offset), _answers(batch, count, dataset)


def _window_count(batch: Batch, sensor: SensorSpec) -> int:
    if not batch.values:
        raise Refused(Reason.FIELD_REQUIRED, field="batch.values")
    size = 4 * sensor.window_shape[0] * sensor.window_shape[1]
    if len(batch.values) % size:
        problem = f"needs whole windows of {size} bytes, float32 of shape {sensor.window_shape}"
        remedy = "Send float32 windows of the dataset's sensor, row-major."
        found = f"{len(batch.values)} bytes"
        raise Refused(Reason.FIELD_INVALID, field="batch.values", problem=problem, found=found, remedy=remedy)
    return len(batch.values) // size


def _answers(batch: Batch, count: int, dataset: Dataset) -> Answers:
    """What the batch says about its windows, where it says anything."""
    said = any(label > UNLABELLED for label in batch.labels) or bool(batch.labels and dataset.outputs)
    _need_names(said, dataset.classes, batch.labels, "labels", "classes")
    _need_names(bool(batch.targets), dataset.outputs, batch.targets, "targets", "outputs")
    if batch.targets:
        return _targets(batch, count, dataset)
    if batch.labels:
        _check_count(batch.labels, count, "labels", "label")
        return check_labels(batch.labels, len(dataset.classes), "batch.labels", batch.offset)
    return unanswered(count, len(dataset.outputs))


def _need_names(said: bool, names: Sequence[object], sent: Sequence[float], field: str, what: str) -> None:
    if said and not names:
        remedy = f"Create a dataset with the names of its {what}, or send no {field}."
        words = {"problem": f"the dataset has no {what}", "found": f"{len(sent)} {field}", "remedy": remedy}
        raise Refused(Reason.FIELD_INVALID, field=f"batch.{field}", **words)


def _targets(batch: Batch, count: int, dataset: Dataset) -> Targets:
    outputs = dataset.outputs
    _check_count(batch.targets, count * len(outputs), "targets", f"row of {len(outputs)} targets")
    targets = np.asarray(batch.targets, np.float32).reshape(count, len(outputs))
    wrong = np.argwhere(~np.isfinite(targets))
    if len(wrong):
        window, output = (int(i) for i in wrong[0])
        problem = f"window {batch.offset + window} needs a finite {outputs[output].name}"
        remedy = "Send windows without targets in batches of their own, with no targets at all."
        words = {"problem": problem, "found": targets[window, output], "remedy": remedy}
        raise Refused(Reason.FIELD_INVALID, field="batch.targets", **words)
    return targets


def _check_count(found: Sequence[float], expected: int, field: str, one: str) -> None:
    if len(found) != expected:
        remedy = f"Send one {one} for each window of the batch, or none at all."
        words = {"problem": f"needs {expected} {field} or none", "found": len(found), "remedy": remedy}
        raise Refused(Reason.FIELD_INVALID, field=f"batch.{field}", **words)
