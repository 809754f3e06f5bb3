"""A sample of what a base learned from, kept beside it, so that later jobs need no simulator."""

import io

import numpy as np

from slipway.spec import TaskSpec
from slipway.windows import Labels, Values, record_dtype

COUNT = 4096  # windows at most


def encode(task: TaskSpec, values: Values, labels: Labels) -> bytes:
    """The first windows (they come shuffled) and their labels as a ``.npy`` file of records."""
    records = np.zeros(min(COUNT, len(labels)), record_dtype(task.sensor))
    records["values"], records["label"] = values[: len(records)], labels[: len(records)]
    buffer = io.BytesIO()
    np.save(buffer, records, allow_pickle=False)
    return buffer.getvalue()


def decode(data: bytes) -> tuple[Values, Labels]:
    """Values (count, time, channels) and labels (count,) of what ``encode`` wrote."""
    records = np.load(io.BytesIO(data), allow_pickle=False)
    return np.ascontiguousarray(records["values"]), np.ascontiguousarray(records["label"])
