from dataclasses import replace

import numpy as np
import onnx
import pytest

from export import integer, jax_integer
from export.calibration import calibrate
from export.float_onnx import float_onnx
from export.folding import fold
from export.graph import to_bytes
from export.int8 import int8_onnx
from export.proof import TOLERANCES, Exact, prove, prove_exact, strayed
from export.trace import trace
from nets.inference import logits
from slipway.bundle.manifest import Proof
from slipway.errors import Reason, Refused
from tests.export.examples import change, example, windows


def test_a_float_graph_is_proven():
    made = example("cnn")
    values = windows(made, 50)
    proof = prove(to_bytes(float_onnx(made)), values, logits(made, values), precision="float")
    assert proof.samples == 50 and proof.agreement == 1 and proof.max_difference <= 1e-5 < proof.tolerance


def test_a_rounded_regression_is_bound_by_what_is_typical_and_not_by_one_window():
    reference = np.random.default_rng(0).normal(size=(1000, 2)).astype(np.float32)
    once, always = reference.copy(), np.float32(1.3) * reference
    once[3] += reference.max()
    limit = TOLERANCES["int8"]
    assert strayed(once, reference, precision="int8", decides=False) < limit
    assert strayed(always, reference, precision="int8", decides=False) == pytest.approx(0.3, rel=0.01)
    assert strayed(once, reference, precision="float", decides=False) > limit
    once[4, 1] = np.nan
    assert not strayed(once, reference, precision="int8", decides=False) <= limit


def test_a_rounded_decision_may_stray_in_one_window_of_a_hundred_and_not_in_two():
    reference = np.random.default_rng(0).normal(size=(1000, 2)).astype(np.float32)
    limit, found = TOLERANCES["int8"], reference.copy()
    found[:10] += reference.max()
    assert strayed(found, reference, precision="int8") < limit < strayed(found, reference, precision="float")
    found[10] += reference.max()
    assert strayed(found, reference, precision="int8") > limit
    once, few = reference.copy(), reference[:99]
    once[3, 1] = np.nan
    assert not strayed(once, reference, precision="int8") <= limit
    assert strayed(few + (np.arange(99) == 7)[:, None], few, precision="int8") > limit, "of fewer all count"


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
    assert prove_exact(to_bytes(graph), net, values, compiled=False).differing == 0

    def edit(weights: np.ndarray) -> None:
        weights[0, 0, 0] ^= 1

    with pytest.raises(Refused) as refused:
        prove_exact(change(graph, "1.weights", edit), net, values, compiled=False)
    assert refused.value.reason is Reason.EXPORT_DIFFERS and "1.conv" in refused.value.message


def test_a_wrong_byte_is_refused_though_every_logit_is_right() -> None:
    made = example("cnn")
    values = windows(made, 50)
    net = calibrate(fold(made), values).net
    graph = int8_onnx(net, made.task)

    def widen(scale: np.ndarray) -> None:
        scale[...] = scale * np.float32(2)

    def narrow(zero: np.ndarray) -> None:
        zero[...] = 7

    moved = onnx.load_from_string(change(graph, "5.zero", narrow))  # 5's bytes change; what reads them subtracts it
    proof = prove_exact(to_bytes(graph), net, values, compiled=False)
    with pytest.raises(Refused) as refused:
        prove_exact(to_bytes(moved), net, values, compiled=False)
    assert "5.conv" in refused.value.message and proof.differing == 0
    with pytest.raises(Refused):
        prove_exact(change(graph, "1.scale", widen), net, values, compiled=False)


def test_what_was_compared_is_told() -> None:
    made = example("cnn")
    values = windows(made, 50)
    net = calibrate(fold(made), values).net
    found = prove_exact(to_bytes(int8_onnx(net, made.task)), net, values, chunk=30)
    tensors = trace(net, values)
    assert found == Exact(
        ("onnxruntime", "numpy", "jax"), len(tensors), 50, sum(array.nbytes for array in tensors.values()), 0
    )
    assert found.to_proof() == Proof("int8", 50, 0.0, 1.0, 0.0) and found.to_json()["tensors"] == len(tensors)


def test_the_compiled_arithmetic_is_a_witness_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    made = example("mlp")
    values = windows(made, 20)
    net = calibrate(fold(made), values).net
    layer = net.layers[0]
    assert isinstance(layer, integer.Linear)
    other = replace(net, layers=(replace(layer, bias=layer.bias + 40), *net.layers[1:]))
    tracer = jax_integer.tracer
    monkeypatch.setattr(jax_integer, "tracer", lambda _: tracer(other))
    graph = to_bytes(int8_onnx(net, made.task))
    prove_exact(graph, net, values, compiled=False)
    with pytest.raises(Refused):
        prove_exact(graph, net, values)


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
    net = calibrate(fold(made), windows(made, 8)).net
    with pytest.raises(Refused) as refused:
        prove_exact(to_bytes(int8_onnx(net, made.task)), net, none, compiled=False)
    assert refused.value.reason is Reason.FIELD_REQUIRED
