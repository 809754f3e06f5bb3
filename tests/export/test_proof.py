import numpy as np
import pytest

from export import integer
from export.calibration import calibrate
from export.float_onnx import float_onnx
from export.folding import fold
from export.graph import to_bytes
from export.int8 import int8_onnx
from export.proof import prove, prove_exact
from nets.inference import logits
from slipway.errors import Reason, Refused
from tests.export.examples import change, example, windows


def test_a_float_graph_is_proven():
    made = example("cnn")
    values = windows(made, 50)
    proof = prove(to_bytes(float_onnx(made)), values, logits(made, values), precision="float")
    assert proof.samples == 50 and proof.agreement == 1 and proof.max_difference <= 1e-5 < proof.tolerance


def test_one_wrong_weight_in_a_float_graph_is_refused():
    made = example("cnn")
    values = windows(made, 50)

    def edit(kernel: np.ndarray) -> None:
        kernel[0, 0, 0] += 0.01

    with pytest.raises(Refused) as refused:
        prove(change(float_onnx(made), "1.kernel", edit), values, logits(made, values), precision="float")
    assert refused.value.reason is Reason.EXPORT_DIFFERS


def test_one_wrong_bit_in_an_int8_graph_is_refused():
    made = example("cnn")
    values = windows(made, 50)
    net = calibrate(fold(made), values).net
    graph = int8_onnx(net, made.task)
    prove_exact(to_bytes(graph), values, integer.logits(net, values))

    def edit(weights: np.ndarray) -> None:
        weights[0, 0, 0] ^= 1

    with pytest.raises(Refused) as refused:
        prove_exact(change(graph, "1.weights", edit), values, integer.logits(net, values))
    assert refused.value.reason is Reason.EXPORT_DIFFERS


def test_a_graph_that_decides_differently_is_refused_though_its_logits_are_close():
    made = example("cnn")
    values = windows(made, 50)
    near = logits(made, values)
    near = near - 0.999 * (near - near.mean(1, keepdims=True))  # all classes almost alike
    swapped = near[:, ::-1]
    with pytest.raises(Refused) as refused:
        prove(to_bytes(float_onnx(made)), values, swapped, precision="float", tolerance=1e6)
    assert refused.value.reason is Reason.EXPORT_DIFFERS and "decides" in refused.value.message


def test_a_logit_that_is_not_a_number_is_refused():
    made = example("mlp")
    values = windows(made, 5)

    def edit(deviation: np.ndarray) -> None:
        deviation[:] = np.nan

    graph = change(float_onnx(made), "0.deviation", edit)
    with pytest.raises(Refused) as refused:
        prove(graph, values, logits(made, values), precision="float", tolerance=1e6)
    assert refused.value.reason is Reason.EXPORT_DIFFERS


def test_nothing_is_proven_without_windows():
    made = example("mlp")
    none = windows(made, 0)
    with pytest.raises(Refused) as refused:
        prove(to_bytes(float_onnx(made)), none, np.empty((0, 4), np.float32), precision="float")
    assert refused.value.reason is Reason.FIELD_REQUIRED
