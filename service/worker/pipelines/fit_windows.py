"""What the search for a device starts from: a base, and windows that teach, judge, calibrate and prove."""

from dataclasses import dataclass

import numpy as np

from export.fit.windows import divided
from nets.model import Model
from nets.windows import Windows
from service.domain import FitSpec
from service.worker.context import Context, StoredWindows
from service.worker.pipelines.order import optional
from service.worker.pipelines.recording import CALIBRATION_COUNT, spread
from service.worker.pipelines.same_task import check_fit
from slipway.errors import Reason, Refused
from slipway.windows import Values, answered


@dataclass(frozen=True, eq=False)
class Given:
    """What a search starts from.

    Args:
        base: the teacher.
        source: the base's sample of its source, as a file; None if it has none.
        stored: the dataset.
        place: that of where it will serve; None where nobody named one.
        learning: windows of ``stored`` to learn from.
        judging: others of them, with an answer each.
        labelled: whether labels are these answers; else they are the base's.
        calibrating: windows for int8: every second of ``place``, or of ``learning``.
        proving: the others.
    """

    base: Model
    source: bytes | None
    stored: StoredWindows
    place: StoredWindows | None
    learning: Windows
    judging: Windows
    labelled: bool
    calibrating: Values
    proving: Values


def given_to(spec: FitSpec, context: Context, held_out_share: float) -> Given:
    """Read and divide them.

    Args:
        spec: names them.
        context: has them.
        held_out_share: of the dataset's windows.

    Raises:
        Refused: windows that do not fit or are too few.
    """
    base = Model.from_bytes(context.artifact(spec.base, "model"))
    stored = _stored(spec.dataset, "dataset", base, context)
    place = _stored(spec.calibration, "calibration", base, context) if spec.calibration else None
    labels = np.asarray(stored.labels)
    said = labels if answered(labels).any() else None
    learning, judging = divided(base, np.asarray(stored.values), said, None, held_out_share, spec.seed)
    serving = learning.values if place is None else np.asarray(place.values)
    serving = serving[spread(len(serving), 2 * CALIBRATION_COUNT)]
    return Given(
        base=base,
        source=optional(context, spec.base, "source"),
        stored=stored,
        place=place,
        learning=learning,
        judging=judging,
        labelled=int(answered(learning.labels).sum()) < int(answered(labels).sum()),
        calibrating=serving[0::2],
        proving=serving[1::2],
    )


def _stored(name: str, field: str, base: Model, context: Context) -> StoredWindows:
    stored = context.dataset(name)
    check_fit(stored, base.task, field)
    if len(stored.values) < 2:
        raise Refused(Reason.DATASET_EMPTY, field=field, name=name)
    return stored
