"""What an adaptation needs to know of the source, kept beside the base, so that later jobs need no simulator."""

import hashlib
import io
from dataclasses import dataclass

import numpy as np

from adapters.receipt.receipt import Data
from service.domain import AdaptSpec
from service.worker.context import Context
from service.worker.pipelines.same_task import check_fit
from slipway.spec import TaskSpec
from slipway.windows import Labels, Values, answered

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


def source_of(spec: AdaptSpec, context: Context, task: TaskSpec) -> tuple[Sample, Data]:
    """The source that a job names, else the sample kept beside its base; and how a receipt names it.

    Raises:
        Refused: a named source whose windows do not fit.
    """
    if spec.source:
        stored = context.dataset(spec.source)
        check_fit(stored, task, "adapt.source")
        sample = Sample(np.asarray(stored.values), np.asarray(stored.labels), None)
        name, sha256 = stored.name, stored.sha256
    else:
        data = context.artifact(spec.base, "source")
        sample, name, sha256 = decode(data), f"{spec.base}/artifacts/source", hashlib.sha256(data).hexdigest()
    labelled = int(np.count_nonzero(answered(sample.labels)))
    return sample, Data(name, sha256, len(sample.values), labelled)
