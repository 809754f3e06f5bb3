"""Windows at the border: the one place where arrays from outside are checked."""

from typing import Any

import numpy as np
import numpy.typing as npt

from slipway.errors import Reason, Refused
from slipway.spec import SensorSpec

Values = npt.NDArray[np.float32]  # (count, time, channels)
Labels = npt.NDArray[np.int32]  # (count,); UNLABELLED where nobody said
Targets = npt.NDArray[np.float32]  # (count, outputs) of a regression; NaN where nobody said
Answers = npt.NDArray[Any]  # Labels or Targets, as the task asks

UNLABELLED = -1


def record_dtype(sensor: SensorSpec, output_count: int = 0) -> np.dtype[np.void]:
    """One window and its answer as a fixed-size little-endian record, so that a window's index is a byte offset.

    Args:
        output_count: numbers in the targets of a regression; 0 where the answer is the index of a class.
    """
    label = ("label", "<f4", (output_count,)) if output_count else ("label", "<i4")
    return np.dtype([("values", "<f4", sensor.window_shape), label])


def answered(answers: Answers) -> npt.NDArray[np.bool_]:
    """Which windows (count,) carry an answer: a label (count,), or targets (count, outputs) without NaN."""
    found = np.isfinite(answers).all(1) if answers.ndim == 2 else answers != UNLABELLED
    return np.asarray(found, np.bool_)


def unanswered(count: int, output_count: int) -> Answers:
    """Labels (count,), or targets (count, outputs), of windows about which nobody said anything."""
    return np.full((count, output_count), np.nan, np.float32) if output_count else np.full(count, UNLABELLED, np.int32)


def check_values(values: npt.ArrayLike, sensor: SensorSpec, field: str = "values", first: int = 0) -> Values:
    """Return ``values`` as float32 (count, time, channels).

    Args:
        first: index of the first window within its upload, for the error's words.

    Raises:
        Refused: WINDOW_SHAPE_MISMATCH or SAMPLE_NOT_FINITE, naming the window.
    """
    array = np.asarray(values, np.float32)
    if array.ndim != 3 or array.shape[1:] != sensor.window_shape:
        found = array.shape[1:] if array.ndim == 3 else array.shape
        raise Refused(Reason.WINDOW_SHAPE_MISMATCH, field=field, found=found, expected=sensor.window_shape)
    finite = np.isfinite(array)
    if not finite.all():
        window, sample, channel = (int(i) for i in np.argwhere(~finite)[0])
        raise Refused(
            Reason.SAMPLE_NOT_FINITE,
            field=field,
            window=first + window,
            sample=sample,
            channel=sensor.channels[channel].name,
            found=float(array[window, sample, channel]),
        )
    return array


def check_targets(targets: npt.ArrayLike, output_count: int, field: str = "labels", first: int = 0) -> Targets:
    """Return ``targets`` as float32 (count, outputs); a row that holds NaN is a window without an answer.

    Args:
        first: index of the first window within its upload, for the error's words.

    Raises:
        Refused: WINDOW_SHAPE_MISMATCH, or SAMPLE_NOT_FINITE for an infinite number.
    """
    array = np.asarray(targets, np.float32)
    if array.ndim != 2 or array.shape[1] != output_count:
        raise Refused(Reason.WINDOW_SHAPE_MISMATCH, field=field, found=array.shape, expected=("count", output_count))
    infinite = np.isinf(array)
    if infinite.any():
        window, output = (int(i) for i in np.argwhere(infinite)[0])
        found = float(array[window, output])
        raise Refused(
            Reason.SAMPLE_NOT_FINITE, field=field, window=first + window, sample=0, channel=output, found=found
        )
    return array


def check_labels(labels: npt.ArrayLike, class_count: int, field: str = "labels", first: int = 0) -> Labels:
    """Return ``labels`` as int32 (count,), each a class index or ``UNLABELLED``.

    Raises:
        Refused: LABEL_OUTSIDE_CLASSES, naming the window.
    """
    array = np.asarray(labels)
    outside = (array < UNLABELLED) | (array >= class_count)
    if outside.any():
        window = int(np.argmax(outside))
        raise Refused(
            Reason.LABEL_OUTSIDE_CLASSES,
            field=field,
            window=first + window,
            found=array[window],
            last=class_count - 1,
        )
    return array.astype(np.int32)
