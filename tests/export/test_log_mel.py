"""The exported graph hears for itself: from raw sound to logits, in float and before an int8 net."""

import numpy as np
import onnx
import pytest

from export import integer
from export.calibration import calibrate
from export.float_onnx import float_onnx
from export.folding import fold, split
from export.graph import to_bytes
from export.int8 import int8_onnx
from export.package import export
from export.proof import entered, prove_exact, run
from export.steps import Conv, LogMel, Normalize
from export.steps import run as run_steps
from nets import layers as records
from nets.inference import logits
from nets.layers import BatchNorm, Dense, GlobalAveragePool, MaxPool, Relu
from slipway.errors import Refused
from tests.export.examples import change, model

HEARING = records.LogMel(8000.0, 128, 64, 12, 100.0, 3800.0, 1e-3)
LAYERS = (
    *(HEARING, records.Normalize(), records.Conv(16, 3), BatchNorm(), Relu(), MaxPool(2)),
    *(GlobalAveragePool(), Dense(4)),
)
MODEL = model(LAYERS, (1600, 1))


def _sound(count: int, seed: int = 0) -> np.ndarray:
    """Noises of different levels and colours, some of them with silence."""
    draw = np.random.default_rng(seed)
    level = np.geomspace(1e-4, 1.0, count)[:, None, None]
    colour = draw.uniform(-0.9, 0.9, (count, 1, 1))
    sound = draw.normal(size=(count, 1600, 1))
    sound[:, 1:] += colour * sound[:, :-1]
    sound[::3, :700] = 0
    return (level * sound).astype(np.float32)


def test_the_float_graph_is_the_model() -> None:
    sound = _sound(40)
    np.testing.assert_allclose(run(to_bytes(float_onnx(MODEL)), sound), logits(MODEL, sound), atol=1e-4)


def test_silence_is_finite_in_the_graph() -> None:
    silence = np.zeros((2, 1600, 1), np.float32)
    np.testing.assert_allclose(run(to_bytes(float_onnx(MODEL)), silence), logits(MODEL, silence), atol=1e-4)


def test_a_planted_wrong_floor_shows() -> None:
    graph = float_onnx(MODEL)
    floor = next(tensor for tensor in graph.graph.initializer if tensor.name.endswith(".floor"))
    floor.CopyFrom(onnx.numpy_helper.from_array(np.float32(2e-3), floor.name))
    sound = _sound(40)
    assert np.abs(run(to_bytes(graph), sound) - logits(MODEL, sound)).max() > 1e-2


def test_the_spectrum_and_its_scaling_stay_in_float_before_an_int8_net() -> None:
    front, back = split(fold(MODEL))
    assert [type(step) for step in front[1:]] == [LogMel, Normalize] and isinstance(back[0], Conv)
    np.testing.assert_allclose(run_steps(fold(MODEL), _sound(8)), logits(MODEL, _sound(8)), atol=1e-4)


def test_an_int8_bundle_is_proven() -> None:
    made = export(
        MODEL,
        calibration_values=_sound(200),
        proof_values=_sound(100, 1),
        self_test_values=_sound(2, 2),
        lineage={},
        version="1",
    )
    assert made.int8_onnx is not None
    found, wanted = run(made.int8_onnx, _sound(100, 3)), logits(MODEL, _sound(100, 3))
    assert np.mean(found.argmax(1) == wanted.argmax(1)) >= 0.97
    names = [node.op_type for node in onnx.load_from_string(made.int8_onnx).graph.node]
    assert "Log" not in names and names.index("Sqrt") < names.index("QuantizeLinear")


@pytest.mark.parametrize("length", [128, 1599])
def test_a_last_part_of_a_frame_is_left_out_by_both(length: int) -> None:
    made = model(LAYERS[:3] + LAYERS[-2:], (length, 1))
    sound = _sound(4)[:, :length]
    np.testing.assert_allclose(run(to_bytes(float_onnx(made)), sound), logits(made, sound), atol=1e-4)


def test_one_wrong_bit_is_refused_behind_a_spectrum_whose_every_byte_is_right() -> None:
    sound = _sound(100)
    net = calibrate(fold(MODEL), sound).net
    graph = int8_onnx(net, MODEL.task)
    found = entered(to_bytes(graph), sound)
    ours = net.entry.apply(integer.enter(net.front, sound))
    np.testing.assert_array_equal(found, ours)
    assert prove_exact(to_bytes(graph), net, sound).differing == 0

    def edit(weights: np.ndarray) -> None:
        weights[0, 0, 0] ^= 1

    wrong = change(graph, f"{next(n.name for n in net.layers if isinstance(n, integer.Linear))}.weights", edit)
    with pytest.raises(Refused):
        prove_exact(wrong, net, sound)
