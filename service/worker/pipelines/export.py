"""Make the files that devices run."""

import numpy as np

from export.package import export as package
from nets.model import Model
from service.domain import ExportSpec, Outcome
from service.worker.context import Context
from service.worker.pipelines.fit import check_fit
from service.worker.pipelines.stages import Stages
from slipway.errors import Reason, Refused
from slipway.windows import Values

CALIBRATION_COUNT = 4096
SELF_TEST_COUNT = 16


def export(spec: ExportSpec, context: Context) -> Outcome:
    """Export a version on real windows: every second one calibrates, the others prove, some travel as self-test.

    Raises:
        Refused: windows that do not fit or are too few, or an export that differs from the model.
        Cancelled: the job was asked to stop.
    """
    stages = Stages(context)
    with stages.stage("reading"):
        model = Model.from_bytes(context.artifact(spec.version, "model"))
        stored = context.dataset(spec.calibration)
        check_fit(stored, model.task, "export.calibration")
        values = _spread(np.asarray(stored.values), 2 * CALIBRATION_COUNT)
        if len(values) < 2:
            raise Refused(Reason.DATASET_EMPTY, field="export.calibration", name=spec.calibration)
    _, model_id, _, number = spec.version.split("/")
    with stages.stage("exporting"):
        made = package(
            model,
            calibration_values=values[0::2],
            proof_values=values[1::2],
            self_test_values=_spread(values[1::2], SELF_TEST_COUNT),
            lineage={"version": spec.version, "calibration": stored.name, "calibration_sha256": stored.sha256},
            version=number,
            name=model_id,
        )
    assert made.int8_onnx is not None
    artifacts = {"float_onnx": made.float_onnx, "int8_onnx": made.int8_onnx, "bundle": made.bundle}
    return Outcome(artifacts=artifacts, artifacts_of=spec.version, stage_seconds=stages.seconds)


def _spread(values: Values, count: int) -> Values:
    """At most ``count`` windows, evenly spread over a recording."""
    return values[np.linspace(0, len(values) - 1, min(count, len(values))).astype(int)] if len(values) else values
