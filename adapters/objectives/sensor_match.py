"""Undo what is wrong with the sensor: closed form, no label, no weight."""

import numpy as np

from adapters.objective import CLASSES, OUTPUTS, Arrays, Need, Pools, Term
from adapters.sensor.estimate import estimate
from adapters.sensor.fault import arrays_of
from nets.layers import Correct
from nets.model import Model
from slipway.errors import Reason, Refused


def solve(model: Model, names: frozenset[str], pools: Pools) -> Arrays:
    """The correction of the fault that ``adapters.sensor.estimate`` estimates; what the layer did before stays.

    Raises:
        Refused: FIELD_INVALID when the scope does not hold the sensor's correction.
    """
    if "0.matrix" not in names or not isinstance(model.layers[0], Correct):
        raise Refused(
            Reason.FIELD_INVALID,
            field="scope",
            problem="sensor_match sets the sensor's correction, and the scope does not hold it",
            found=sorted(names)[:3],
            remedy="Use the scope sensor, alone or in a sum.",
        )
    made, arrays = arrays_of(estimate(model, pools), model.task.sensor), model.arrays
    before = arrays["0.matrix"]
    return {
        **arrays,
        "0.matrix": (made["matrix"] @ before).astype(np.float32),
        "0.offset": (made["offset"] @ before + arrays["0.offset"]).astype(np.float32),
        "0.delay": made["delay"] + arrays["0.delay"],
    }


SENSOR_MATCH = Term("sensor_match", frozenset({Need.TARGET_WINDOWS}), solve=solve, kinds=frozenset({CLASSES, OUTPUTS}))
