"""The real windows of an export: every second one calibrates, the others prove, some of those travel as self-test."""

from dataclasses import dataclass

import numpy as np

from service.worker.context import Context
from service.worker.pipelines.same_task import check_fit
from slipway.errors import Reason, Refused
from slipway.spec import TaskSpec
from slipway.windows import Answers, Values, answered

CALIBRATION_COUNT = 4096
SELF_TEST_COUNT = 16


@dataclass(frozen=True, eq=False)
class Recording:
    """Windows (count, time, channels) of a dataset, by what they are for.

    Args:
        name: of the dataset.
        sha256: of its files.
        calibration: fix the grids.
        labels: answers to ``calibration``; None where nobody gave one.
        proof: on these the graph is compared with the model.
        self_test: travel in the bundle.
    """

    name: str
    sha256: str
    calibration: Values
    labels: Answers | None
    proof: Values
    self_test: Values


def read(context: Context, name: str, task: TaskSpec) -> Recording:
    """At most twice ``CALIBRATION_COUNT`` windows of a dataset, evenly spread.

    Raises:
        Refused: DATASET_EMPTY for fewer than two windows, or windows of another sensor.
    """
    stored = context.dataset(name)
    check_fit(stored, task, "export.calibration")
    chosen = spread(len(stored.values), 2 * CALIBRATION_COUNT)
    if len(chosen) < 2:
        raise Refused(Reason.DATASET_EMPTY, field="export.calibration", name=name)
    values, labels = np.asarray(stored.values)[chosen], np.asarray(stored.labels)[chosen[0::2]]
    proof = values[1::2]
    return Recording(
        name=stored.name,
        sha256=stored.sha256,
        calibration=values[0::2],
        labels=labels if answered(labels).any() else None,
        proof=proof,
        self_test=proof[spread(len(proof), SELF_TEST_COUNT)],
    )


def spread(available: int, count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """At most ``count`` indices, evenly spread over so many windows."""
    return np.linspace(0, available - 1, min(count, available)).astype(np.int64)
