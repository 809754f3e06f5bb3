"""A learned candidate as the device would get it: quantized, written as C, built and measured where the tools are."""

from dataclasses import dataclass

import onnx

from export.c import generate
from export.calibration import COPIES, calibrate
from export.fit.cost import Cost, cost
from export.fit.profile import Profile, Shortfall, shortfalls
from export.fit.teaching import accuracy
from export.folding import fold
from export.graph import to_bytes
from export.int8 import int8_onnx
from export.mcu.boards import BOARDS
from export.mcu.measure import measure
from export.mcu.tools import missing as missing_tools
from export.proof import run
from nets.model import Model
from nets.windows import Windows
from slipway.windows import Values

MEASURED_WINDOWS = 3  # instructions hardly depend on the window


@dataclass(frozen=True, eq=False)
class Quantized:
    """A candidate in int8; ``missing`` is what it needs more of than there is."""

    name: str
    model: Model
    graph: bytes
    cost: Cost
    accuracy: float
    missing: tuple[Shortfall, ...]


def quantized(name: str, model: Model, profile: Profile, values: Values, judging: Windows) -> Quantized:
    """Quantize and judge; if copies of the input make it too large, without them.

    Args:
        name: of the candidate.
        model: that has learned.
        profile: of the device.
        values: windows of where it will serve.
        judging: windows with an answer each.
    """
    steps, decides = fold(model), not model.task.outputs
    for copies in (COPIES, (1,)):
        net = calibrate(steps, values, copies=copies, decides=decides).net
        graph = to_bytes(int8_onnx(net, model.task))
        found = real_cost(graph, profile, values)
        missing = shortfalls(profile, found, operators_of(graph))
        if not missing or net.entry.copies == 1:
            break
    return Quantized(name, model, graph, found, accuracy(run(graph, judging.values), judging.labels), missing)


def real_cost(graph: bytes, profile: Profile, values: Values) -> Cost:
    """Measured on the profile's core where the cross compiler and the emulator are, else estimated."""
    if profile.core is None or missing_tools():
        return cost(graph, profile.core)
    few = values[:MEASURED_WINDOWS]
    return Cost.of(measure(generate(graph).files, "model", BOARDS[profile.core], few, run(graph, few)))


def operators_of(graph: bytes) -> frozenset[str]:
    """The ONNX operators of a file."""
    return frozenset(node.op_type for node in onnx.load_model_from_string(graph).graph.node)
