"""The exported graph does the sensor's physics for itself, in float and before an int8 net."""

import numpy as np
import onnx
import pytest

from export import front_steps as f
from export import integer
from export import steps as s
from export.calibration import calibrate
from export.float_onnx import float_onnx
from export.folding import fold, split
from export.graph import to_bytes
from export.int8 import int8_onnx
from export.package import export
from export.proof import entered, prove_exact, run
from nets.front import with_correction
from nets.inference import logits
from nets.layers import (
    BatchNorm,
    Conv,
    Correct,
    Dense,
    Flatten,
    GlobalAveragePool,
    GravityFrame,
    Layer,
    Layers,
    MaxPool,
    Normalize,
    Relu,
    Spectrum,
    VectorNorms,
)
from nets.model import Model
from slipway.errors import Refused
from tests.export.examples import change, model
from tests.nets.sensors import moving

VECTORS = ((0, 1, 2), (3, 4, 5))
BODY = (Conv(16, 3), BatchNorm(), Relu(), MaxPool(2), GlobalAveragePool(), Dense(4))
FRONTS: dict[str, tuple[Layer, ...]] = {
    "norms": (VectorNorms(VECTORS),),
    "norms_and_others": (VectorNorms(((3, 1, 5),)),),
    "gravity": (GravityFrame(VECTORS),),
    "gravity_and_others": (GravityFrame(((3, 4), (1, 0)), 1),),
    "spectral": (Spectrum(16, 8, 4, 1e-8),),
    "corrected": (Correct(),),
    "corrected_gravity": (Correct(), GravityFrame(VECTORS, 1)),
}
LIMIT = 3e-6  # of the largest logit: what two orders of a sum in float32 may differ by


def _model(front: Layers, body: Layers = BODY, time: int = 32) -> Model:
    made = model((*front, Normalize(), *body), (time, 6))
    if Correct() in front:
        made.arrays["0.matrix"][:] = np.eye(6) + 0.1 * made.arrays["0.matrix"]
    return made


def _far(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


@pytest.mark.parametrize("name", FRONTS)
def test_the_float_graph_is_the_model(name: str) -> None:
    made = _model(FRONTS[name])
    for values in (moving(40), moving(1, seed=9)):
        assert _far(run(to_bytes(float_onnx(made)), values), logits(made, values)) < LIMIT
        assert _far(s.run(fold(made), values), logits(made, values)) < LIMIT


@pytest.mark.parametrize("name", FRONTS)
def test_a_front_before_a_dense_net_keeps_the_order_of_its_numbers(name: str) -> None:
    made = _model(FRONTS[name], (Flatten(), Dense(8), BatchNorm(), Relu(), Dense(4)))
    assert _far(run(to_bytes(float_onnx(made)), moving(20)), logits(made, moving(20))) < LIMIT


@pytest.mark.parametrize("name", FRONTS)
def test_a_silent_window_is_finite_in_the_graph(name: str) -> None:
    made, silence = _model(FRONTS[name]), np.zeros((2, 32, 6), np.float32)
    found = run(to_bytes(float_onnx(made)), silence)
    assert np.isfinite(found).all() and _far(found, logits(made, silence)) < LIMIT


@pytest.mark.parametrize(("name", "tensor"), [("gravity", "0.least"), ("spectral", "0.floor"), ("corrected", "taps")])
def test_a_planted_wrong_number_shows(name: str, tensor: str) -> None:
    made = _model(FRONTS[name])
    graph = float_onnx(made)
    place = next(one.name for one in graph.graph.initializer if one.name.endswith(tensor))

    def edit(array: np.ndarray) -> None:
        array[...] = 1.1 * array + 20

    assert _far(run(change(graph, place, edit), moving(40)), logits(made, moving(40))) > 1e-3


@pytest.mark.parametrize("name", FRONTS)
def test_the_front_and_its_scaling_stay_in_float_before_an_int8_net(name: str) -> None:
    front, back = split(fold(_model(FRONTS[name])))
    assert isinstance(front[-1], s.Normalize) and isinstance(back[0], s.Conv)


@pytest.mark.parametrize("name", FRONTS)
def test_an_int8_bundle_is_proven(name: str) -> None:
    made = _model(FRONTS[name])
    found = export(
        made,
        calibration_values=moving(200),
        proof_values=moving(100, 1),
        self_test_values=moving(2, 2),
        lineage={},
        version="1",
    )
    assert found.int8_onnx is not None and [proof.precision for proof in found.proofs] == ["float", "int8", "int8"]
    assert found.proofs[0].max_difference < LIMIT
    answers, wanted = run(found.int8_onnx, moving(100, 3)), logits(made, moving(100, 3))
    assert np.mean(answers.argmax(1) == wanted.argmax(1)) >= 0.95


@pytest.mark.parametrize("name", ["gravity", "spectral", "corrected"])
def test_behind_a_front_one_wrong_bit_is_refused_and_the_front_is_right_to_a_byte(name: str) -> None:
    made, values = _model(FRONTS[name]), moving(100)
    net = calibrate(fold(made), values).net
    graph = int8_onnx(net, made.task)
    found = entered(to_bytes(graph), values)
    ours = net.entry.apply(integer.enter(net.front, values))
    assert np.abs(found.astype(int) - ours.astype(int)).max() <= 1
    assert prove_exact(to_bytes(graph), net, values).differing == 0

    def edit(weights: np.ndarray) -> None:
        weights[0, 0, 0] ^= 1

    wrong = change(graph, f"{next(n.name for n in net.layers if isinstance(n, integer.Linear))}.weights", edit)
    with pytest.raises(Refused):
        prove_exact(wrong, net, values)


def _operators(made: Model) -> list[str]:
    return [node.op_type for node in float_onnx(made).graph.node]


def _corrected(**arrays: np.ndarray) -> Model:
    found = with_correction(_model((), BODY))
    return Model(found.task, found.layers, {**found.arrays, **{f"0.{name}": array for name, array in arrays.items()}})


def test_a_correction_of_nothing_leaves_no_node() -> None:
    plain = _model((), BODY)
    assert _operators(with_correction(plain)) == _operators(plain)
    assert to_bytes(float_onnx(with_correction(plain))) != b""
    np.testing.assert_array_equal(
        run(to_bytes(float_onnx(with_correction(plain))), moving(9)), run(to_bytes(float_onnx(plain)), moving(9))
    )


DELAY = np.array([0.0, 1.0, -2.0, 0.25, 100.0, -100.0], np.float32)
GAIN = np.diag(np.linspace(0.9, 1.1, 6)).astype(np.float32)
TURN = np.random.default_rng(0).normal(size=(6, 6)).astype(np.float32)
OFFSET = np.arange(6, dtype=np.float32)


@pytest.mark.parametrize(
    ("arrays", "kinds"),
    [
        ({"offset": OFFSET}, [s.Scale]),
        ({"matrix": GAIN}, [s.Scale]),
        ({"matrix": TURN}, [f.Mix]),
        ({"delay": DELAY}, [f.Delay]),
        ({"delay": np.full(6, 0.5, np.float32)}, [f.Delay]),
        ({"delay": np.full(6, -31.5, np.float32), "offset": OFFSET}, [f.Delay, s.Scale]),
        ({"matrix": TURN, "offset": OFFSET, "delay": DELAY}, [f.Delay, f.Mix]),
    ],
    ids=["offset", "gain", "turn", "delays", "late", "early", "all"],
)
def test_of_a_correction_only_what_changes_something_is_left(arrays: dict[str, np.ndarray], kinds: list[type]) -> None:
    made = _corrected(**arrays)
    steps = fold(made)
    assert [type(step) for step in steps[1 : 1 + len(kinds)]] == kinds
    assert isinstance(steps[1 + len(kinds)], s.Normalize)
    assert _far(run(to_bytes(float_onnx(made)), moving(20)), logits(made, moving(20))) < LIMIT
    assert _far(s.run(steps, moving(20)), logits(made, moving(20))) < LIMIT


def test_equal_models_give_equal_bytes_and_the_batch_is_free() -> None:
    made = _model(FRONTS["spectral"])
    graph = to_bytes(float_onnx(made))
    assert graph == to_bytes(float_onnx(_model(FRONTS["spectral"])))
    one_by_one = np.concatenate([run(graph, moving(5)[at : at + 1]) for at in range(5)])
    np.testing.assert_allclose(run(graph, moving(5)), one_by_one, atol=1e-5)


def test_only_standard_operators_stand_in_the_graph() -> None:
    for front in FRONTS.values():
        assert {node.domain for node in float_onnx(_model(front)).graph.node} == {""}
        onnx.checker.check_model(float_onnx(_model(front)), full_check=True)
