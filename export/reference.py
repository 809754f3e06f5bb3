"""The reference that travels in a bundle: what home looks like to a device that watches for drift.

Home is where a version was made to serve: the windows it was calibrated on, in the order of time. The graph is not
changed, so there are statistics of its input and of its answers, and none of what lies between. 3 digits of a number,
so that a bundle's and its delta's bytes stay few.
"""

import numpy as np
import numpy.typing as npt

from export.proof import run
from slipway.edge.home import home_of
from slipway.edge.home_file import REFERENCE_NAME as REFERENCE_NAME
from slipway.edge.home_file import to_json
from slipway.spec import TaskSpec
from slipway.windows import Values

LIMIT_BYTES = 2048
LEAST_WINDOWS = 8


def of(windows: Values, logits: npt.NDArray[np.float32], task: TaskSpec) -> bytes:
    """The reference's bytes.

    Args:
        windows: (count, time, channels) of home, in the order of time; at least 8.
        logits: (count, classes or outputs), what the bundle's own graph answers to them.
        task: what is asked.

    Raises:
        Refused: DATASET_EMPTY for fewer than 8 windows.
    """
    data = to_json(home_of(task, windows, logits))
    assert len(data) <= LIMIT_BYTES, len(data)
    return data


def files(graph: bytes, windows: Values, task: TaskSpec) -> dict[str, bytes]:
    """Extra files of a bundle, by name: the reference, where there are enough windows for one.

    Args:
        graph: the bundle's ONNX file.
        windows: of home, as in ``of``.
        task: what is asked.
    """
    if len(windows) < LEAST_WINDOWS:
        return {}
    return {REFERENCE_NAME: of(windows, run(graph, windows), task)}
