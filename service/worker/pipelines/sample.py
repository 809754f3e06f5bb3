"""What an adaptation needs to know of the source, kept beside the base, so that later jobs need no simulator."""

import io
from dataclasses import dataclass

import numpy as np

from slipway.windows import Labels, Values

SAMPLE_COUNT = 4096  # windows at most


@dataclass(frozen=True)
class Sample:
    """Some windows of the source, and how the base did at home.

    Args:
        values: (count, time, channels).
        labels: (count,).
        confidence: the base's mean confidence on held-out source windows; None where it was not measured.
    """

    values: Values
    labels: Labels
    confidence: float | None


def encode(sample: Sample) -> bytes:
    """The sample as a ``.npz`` file."""
    buffer = io.BytesIO()
    confidence = np.nan if sample.confidence is None else sample.confidence
    np.savez(buffer, values=sample.values, labels=sample.labels, confidence=np.float64(confidence))
    return buffer.getvalue()


def decode(data: bytes) -> Sample:
    """Read what ``encode`` wrote."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        confidence = float(arrays["confidence"])
        return Sample(arrays["values"], arrays["labels"], None if np.isnan(confidence) else confidence)
