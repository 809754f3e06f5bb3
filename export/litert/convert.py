"""From a model to a ``.tflite`` file, given out only once LiteRT has run it and its answers were the model's."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from export import integer
from export.calibration import Calibration, calibrate
from export.folding import fold
from export.integer import Grid, Int8Net
from export.litert.converter import flatbuffer
from export.litert.interpreter import Form, Runner
from export.litert.layers import draw_layer, enter, leaving, on_grid
from export.litert.steps import Values, draw, window
from export.proof import judge, strayed
from export.steps import Floats, Steps
from nets.model import Model
from slipway.bundle.manifest import Proof
from slipway.errors import Reason, Refused
from slipway.windows import Values as Windows
from slipway.windows import check_values

Kind = Literal["float", "int8", "integer"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Reference = Callable[[Model, Windows], Floats]  # logits (batch, classes) of windows (batch, time, channels)


@dataclass(frozen=True, eq=False)
class Converted:
    """A LiteRT file that was proven by running it.

    Args:
        file: the ``.tflite``, for one window at a time.
        kind: see ``convert``.
        proof: how far its answers are from the model's.
        takes: what goes in: a window (1, time, channels), or for ``"integer"`` bytes (1, 1, time, channels) of what
            ``entered`` makes of one.
        gives: what comes out: logits or the outputs of a regression (1, numbers), or bytes of them.
        calibration: the int8 net that the file holds, or None.
        net_difference: how far its answers are from that net's own, as a share of the largest, or None.
    """

    file: bytes
    kind: Kind
    proof: Proof
    takes: Form
    gives: Form
    calibration: Calibration | None
    net_difference: float | None


def convert(
    model: Model,
    *,
    proof_values: Windows,
    calibration_values: Windows | None = None,
    kind: Kind = "int8",
    reference: Reference | None = None,
    tolerance: float | None = None,
    agreement: float | None = None,
) -> Converted:
    """Convert a model for LiteRT and show that the file is the model.

    Args:
        model: what to convert.
        proof_values: real windows (batch, time, channels) on which the file is compared with the model.
        calibration_values: windows of where it will serve, without labels; not needed for ``"float"``.
        kind: ``"float"``: all in float32. ``"int8"``: takes and gives floats; what stands in front and the last sums
            are floats, as in the int8 ONNX, all else is bytes. ``"integer"``: takes and gives bytes and holds integer
            operators only, for processors that know no others; what stands in front is left to the caller.
        reference: the model's own logits; JAX (``nets.inference.logits``) by default.
        tolerance: see ``export.proof.prove``.
        agreement: see ``export.proof.prove``.

    Raises:
        Refused: EXPORT_DIFFERS, EXPORT_UNSUPPORTED, ACCUMULATOR_OVERFLOW, FIELD_INVALID for an unknown kind or where
            the extra is not installed, FIELD_REQUIRED without windows, or another reason of the windows.
    """
    _check(kind)
    sensor, decides, steps = model.task.sensor, not model.task.outputs, fold(model)
    proving = check_values(proof_values, sensor, "proof_values")
    calibration, leaves = None, None
    if kind != "float":
        if calibration_values is None:
            raise Refused(Reason.FIELD_REQUIRED, field="calibration_values")
        known = check_values(calibration_values, sensor, "calibration_values")
        copies = {"copies": (1,)} if kind == "integer" else {}  # else the caller would have to copy
        calibration = calibrate(steps, known, decides=decides, **copies)
        leaves = leaving(calibration.net, known) if kind == "integer" else None
    net = calibration.net if calibration else None
    file = tflite(steps, sensor.window_shape, net, leaves)
    runner = Runner(file)
    found = runner(entered(net, proving) if net and leaves else proving)
    expected = (reference or _jax_logits)(model, proving)
    precision, limits = "float" if kind == "float" else "int8", {"tolerance": tolerance, "agreement": agreement}
    proof = judge(found, expected, precision=precision, decides=decides, **limits)
    from_net = strayed(found, integer.logits(net, proving), precision="float") if net else None
    return Converted(file, kind, proof, runner.takes, runner.gives, calibration, from_net)


def tflite(
    steps: Steps, window_shape: tuple[int, int], net: Int8Net | None = None, leaves: Grid | None = None
) -> bytes:
    """The file of folded steps; nothing is proven.

    Args:
        steps: of the model.
        window_shape: (time, channels).
        net: what they were calibrated to; the file then holds it instead.
        leaves: a grid for the answers, see ``layers.leaving``; the file then takes and gives bytes.

    Raises:
        Refused: EXPORT_UNSUPPORTED.
    """
    if net is None:
        return flatbuffer(lambda tensor: _float(steps, window(tensor)), (1, *window_shape))
    if leaves is None:
        return flatbuffer(lambda tensor: _int8(net, window(tensor)), (1, *window_shape), quantized=True)
    shape = entered(net, np.zeros((1, *window_shape), np.float32)).shape
    return flatbuffer(lambda tensor: _integers(net, tensor, leaves), shape, quantized=True, byte_ends=True)


def entered(net: Int8Net, values: Floats) -> Floats:
    """What stands in front of a net, done for a file of kind ``"integer"``: windows → (batch, 1, time, channels).

    ``Form.held`` of what the file takes makes bytes of it.
    """
    return np.ascontiguousarray(integer.enter(net.front, values).transpose(0, 2, 1)[:, None])


def _float(steps: Steps, values: Values) -> Any:
    for step in steps:
        values = draw(step, values)
    return values.tensor


def _int8(net: Int8Net, values: Values) -> Any:
    for step in net.front:
        values = draw(step, values)
    return _layers(net, enter(net.entry, values), None)


def _integers(net: Int8Net, tensor: Any, leaves: Grid) -> Any:
    return _layers(net, Values(on_grid(tensor, net.entry.grid), True), leaves)


def _layers(net: Int8Net, values: Values, leaves: Grid | None) -> Any:
    for layer in net.layers:
        values = draw_layer(layer, values, leaves)
    return values.flat()


def _check(kind: str) -> None:
    if kind not in KINDS:
        remedy = f"Use one of {', '.join(KINDS)}."
        raise Refused(Reason.FIELD_INVALID, field="kind", problem="is not known", found=repr(kind), remedy=remedy)


def _jax_logits(model: Model, values: Windows) -> Floats:
    import jax  # here, so that a conversion with another reference needs no compiler

    from nets.inference import logits

    with jax.default_matmul_precision("highest"):  # accelerators else multiply in fewer bits than the file does
        return logits(model, values)
