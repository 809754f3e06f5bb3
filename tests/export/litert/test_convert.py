"""A LiteRT file is the model, in float and in bytes, or it is refused; its integer layers are our int8 net's."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from export import integer
from export.calibration import can_copy, quantize
from export.folding import fold
from export.integer import Int8Net, Linear
from export.litert import Runner, convert, entered, missing
from export.litert.convert import KINDS, Kind, tflite
from export.litert.converter import flatbuffer
from export.litert.layers import leaving
from export.litert.tensorflow import tensorflow
from export.steps import run as in_numpy
from nets.architectures import ARCHITECTURES
from nets.inference import logits
from nets.model import Model
from slipway.errors import Reason, Refused
from slipway.spec import Channel, SensorSpec, TaskSpec
from tests.export.examples import NETS, example, model, windows
from tests.export.litert.programs import constants, grids, kinds, needs_litert, operators

EXACT = 1e-6  # of the largest logit: what two orders of a sum in float32 may differ by
FLIPS = 0.01  # of the last byte: what earlier layers may add to its rounding


def _folded(made: Model, values: np.ndarray) -> np.ndarray:
    """The model's logits without a compiler; that they are the model's own is shown elsewhere."""
    return in_numpy(fold(made), values)


def _far(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


@needs_litert
@pytest.mark.parametrize("name", NETS)
def test_the_float_file_is_the_model(name: str) -> None:
    made = example(name)
    found = convert(made, proof_values=windows(made, 50), kind="float")
    assert found.proof.samples == 50 and found.proof.agreement == 1 and found.proof.max_difference < EXACT
    assert found.calibration is None and found.net_difference is None
    assert found.takes.shape == (1, *made.task.sensor.window_shape) and found.gives.shape == (1, made.task.answer_size)


@needs_litert
@pytest.mark.parametrize("name", NETS)
def test_the_int8_file_is_the_net_of_every_other_export(name: str) -> None:
    """Its kernels for x86 and ARM round as ONNX Runtime does, and no last rounding ties two logits."""
    made, values = example(name), windows(example(name), 60, 2)
    net = quantize(fold(made), windows(made, 100), copies=2 if can_copy(fold(made)) else 1).net
    found = Runner(_file(made, net, "int8"))
    assert (found.takes.kind, found.gives.kind) == ("float32", "float32")
    assert _far(found(values), integer.logits(net, values)) < EXACT


@needs_litert
@pytest.mark.parametrize("name", NETS)
def test_the_integer_file_holds_no_float_and_loses_no_more_than_the_last_rounding(name: str) -> None:
    made, values = example(name), windows(example(name), 60, 2)
    net = quantize(fold(made), windows(made, 100)).net
    file = _file(made, net, "integer")
    found = Runner(file)
    assert (found.takes.kind, found.gives.kind) == ("int8", "int8") and np.float32 not in kinds(file)
    assert not {"QUANTIZE", "DEQUANTIZE"} & set(operators(file))
    ends = found.gives.real(np.array([-128, 127]))
    held = np.clip(integer.logits(net, values), *ends)  # beyond what the calibration has seen stands the last byte
    assert np.abs(found(entered(net, values)) - held).max() <= (0.5 + FLIPS) * found.gives.scale


@needs_litert
@pytest.mark.parametrize("name", ["cnn", "separable", "ring", "mlp"])
def test_the_weights_and_grids_are_those_of_the_net_byte_for_byte(name: str) -> None:
    made = example(name)
    net = quantize(fold(made), windows(made, 100)).net
    held, found = constants(_file(made, net, "integer")), grids(_file(made, net, "integer"))
    for layer in (layer for layer in net.layers if isinstance(layer, Linear)):
        wanted = np.sort(layer.weights.ravel())
        same = [row for row, array in held if array.dtype == np.int8 and np.array_equal(np.sort(array.ravel()), wanted)]
        assert len(same) == 1, layer.name
        np.testing.assert_allclose(same[0]["quantization_parameters"]["scales"], layer.weight_scale, rtol=1e-6)
        if layer.target:
            assert any(abs(s / layer.target.scale - 1) < 1e-6 and z == layer.target.zero - 128 for s, z in found)


def _file(made: Model, net: Int8Net | None, kind: Kind) -> bytes:
    leaves = leaving(net, windows(made, 50)) if net and kind == "integer" else None
    return tflite(fold(made), made.task.sensor.window_shape, None if kind == "float" else net, leaves)


IMU = SensorSpec(tuple(Channel(f"channel_{index}", "1") for index in range(6)), 50.0, 40)
BEAMS = SensorSpec(tuple(Channel(f"beam_{index}", "m") for index in range(12)), 9.0, 1)
OUTPUTS = (Channel("angle", "rad"), Channel("rate", "rad/s"))
TASKS = {
    "classes": TaskSpec("classes", IMU, tuple("abcd")),
    "ring": TaskSpec("ring", BEAMS, tuple("abcd")),
    "regression": TaskSpec("regression", IMU, (), OUTPUTS),
}
FORMS = {"mlp": {"widths": (16, 8)}, "cnn": {"widths": (8, 12)}, "ds_cnn": {"widths": (8, 12)}}
SIZES = {"cnn": {"sizes": (5, 3)}, "ds_cnn": {"sizes": (5, 3)}}


CASES = [(asked, "int8") for asked in TASKS] + [("regression", "float"), ("regression", "integer")]


@needs_litert
@pytest.mark.parametrize(("asked", "kind"), CASES)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_converts_for_classes_and_for_regressions(architecture: str, asked: str, kind: Kind) -> None:
    question = TASKS[asked]
    layers = ARCHITECTURES[architecture](question, **FORMS[architecture], **SIZES.get(architecture, {}))
    made = model(layers, question.sensor.window_shape)
    made = Model(question, made.layers, made.arrays)
    seen, unseen = windows(made, 100), windows(made, 50, 2)
    limits = {"tolerance": 1.0, "agreement": 0.8}  # how well random numbers round is not the question here
    found = convert(made, calibration_values=seen, proof_values=unseen, kind=kind, reference=_folded, **limits)
    if kind == "float":
        assert found.proof.max_difference < EXACT
    elif kind == "int8":
        assert found.net_difference is not None and found.net_difference < EXACT
    else:
        ours = integer.logits(found.calibration.net, seen)
        assert _far(Runner(found.file)(entered(found.calibration.net, seen)), ours) < 1 / 127
    assert asked != "regression" or found.proof.agreement == 1


@needs_litert
@pytest.mark.parametrize("kind", KINDS)
def test_a_depthwise_convolution_is_the_operator_that_small_devices_have(kind: Kind) -> None:
    made = example("separable")
    found = operators(_file(made, quantize(fold(made), windows(made, 50)).net, kind))
    assert found.count("DEPTHWISE_CONV_2D") == 1


@needs_litert
@pytest.mark.parametrize("kind", KINDS)
def test_equal_models_give_equal_bytes(kind: Kind) -> None:
    made = example("cnn")
    net = quantize(fold(made), windows(made, 50)).net
    assert _file(made, net, kind) == _file(example("cnn"), net, kind)


@needs_litert
def test_one_wrong_weight_is_refused() -> None:
    made, values = example("cnn"), windows(example("cnn"), 50)
    wrong = dict(made.arrays)
    wrong["1.kernel"] = made.arrays["1.kernel"].copy()
    wrong["1.kernel"][0, 0, 0] += 0.01
    other = Model(made.task, made.layers, wrong)
    with pytest.raises(Refused) as refused:
        convert(made, proof_values=values, kind="float", reference=lambda _, seen: logits(other, seen))
    assert refused.value.reason is Reason.EXPORT_DIFFERS and "logit" in refused.value.message


@needs_litert
def test_calibrated_on_windows_of_elsewhere_it_is_refused() -> None:
    made = example("cnn")
    far, near = windows(made, 50, 2), 0.05 * windows(made, 50)
    with pytest.raises(Refused) as refused:
        convert(made, calibration_values=near, proof_values=far, reference=_folded)
    assert refused.value.reason is Reason.EXPORT_DIFFERS and refused.value.details["precision"] == "int8"


@needs_litert
def test_a_wrong_grid_shows_as_a_distance_from_the_net() -> None:
    made, values = example("cnn"), windows(example("cnn"), 50)
    net = quantize(fold(made), values).net
    first = next(layer for layer in net.layers if isinstance(layer, Linear))
    grid = replace(first.target, scale=np.float32(1.05 * first.target.scale))
    moved = tuple(replace(layer, target=grid) if layer is first else layer for layer in net.layers)
    for held, (least, most) in ((net, (0, EXACT)), (replace(net, layers=moved), (1e-3, 1))):
        assert least <= _far(Runner(_file(made, held, "int8"))(values), integer.logits(net, values)) < most


@needs_litert
def test_what_has_no_builtin_operator_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        flatbuffer(lambda tensor: tensorflow().linalg.svd(tensor, compute_uv=False), (1, 4, 4))
    assert refused.value.reason is Reason.EXPORT_UNSUPPORTED and refused.value.field == "model.layers"


@needs_litert
def test_a_window_silent_or_far_out_is_answered_as_by_the_net() -> None:
    made = example("cnn")
    found = convert(made, calibration_values=windows(made, 50), proof_values=windows(made, 50, 2), reference=_folded)
    far_out = np.concatenate([np.zeros((1, 33, 6), np.float32), 100 * windows(made, 3)])
    wanted = integer.logits(found.calibration.net, far_out)
    assert _far(Runner(found.file)(far_out), wanted) < EXACT
    assert np.isfinite(in_numpy(fold(made), far_out)).all()


def test_without_windows_or_of_an_unknown_kind_nothing_is_converted() -> None:
    made = example("mlp")
    for reason, arguments in (
        (Reason.FIELD_REQUIRED, {"proof_values": windows(made, 5)}),
        (Reason.FIELD_INVALID, {"proof_values": windows(made, 5), "kind": "int4"}),
        (Reason.WINDOW_SHAPE_MISMATCH, {"proof_values": windows(made, 5)[:, :, 1:], "kind": "float"}),
    ):
        with pytest.raises(Refused) as refused:
            convert(made, **arguments)
        assert refused.value.reason is reason


def test_where_the_extra_is_missing_the_refusal_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)  # what an import finds where nothing is installed
    made = example("mlp")
    with pytest.raises(Refused) as refused:
        convert(made, proof_values=windows(made, 5), kind="float")
    assert refused.value.reason is Reason.FIELD_INVALID and "tensorflow-cpu" in refused.value.message
    assert "slipway-server[litert]" in refused.value.remedy and "tensorflow-cpu" in missing()
