"""The int8 net's log-mel front gives the same bits by every machine, and hears what the float one hears."""

import dataclasses
from functools import cache

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export import exact_mel as e
from export import exact_mel_jax, integer
from export import steps as s
from export.c import generate
from export.calibration import quantize
from export.exact_mel import ExactMel, exact_mel
from export.folding import fold, split
from export.front_folding import front_steps
from export.graph import to_bytes
from export.host_c import NAME, match
from export.int8 import ENTERED, int8_onnx
from export.proof import entered, prove_exact, run
from nets import layers as records
from slipway.errors import Refused
from tests.export.c.building import Built, needs_compiler
from tests.export.examples import change
from tests.export.test_log_mel import MODEL, _sound

Net = integer.Int8Net


def step_of(layer: records.LogMel) -> s.LogMel:
    """The float step of a layer."""
    (found,) = front_steps(layer, (1600, 1), "0", lambda name: np.zeros(0, np.float32))
    assert isinstance(found, s.LogMel)
    return found


HEARING = next(step for step in split(fold(MODEL))[0] if isinstance(step, s.LogMel))
EXACT = exact_mel(HEARING)


@cache
def exported() -> tuple[Net, bytes]:
    net = quantize(fold(MODEL), _sound(60), copies=2).net
    return net, to_bytes(int8_onnx(net, MODEL.task))


def heard(sound: np.ndarray, step: ExactMel = EXACT) -> np.ndarray:
    return e.apply(step, sound.transpose(0, 2, 1))


def bits(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, np.float32).view(np.int32)


def by_onnx_runtime(graph: bytes, sound: np.ndarray, level: onnxruntime.GraphOptimizationLevel) -> np.ndarray:
    model = onnx.load_from_string(graph)
    model.graph.output.append(onnx.helper.make_empty_tensor_value_info(f"{HEARING.name}.log"))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run([f"{HEARING.name}.log"], {"window": sound})[0]


def test_it_hears_what_the_float_front_hears() -> None:
    sound = _sound(60)
    wanted = s.apply(HEARING, sound.transpose(0, 2, 1))
    off = heard(sound) - wanted
    loud = wanted > np.log(10 * HEARING.floor)
    assert np.abs(off[loud]).max() < 0.1 and np.sqrt(np.square(off).mean()) < 0.02
    deaf = dataclasses.replace(EXACT, floor=2 * EXACT.floor)  # planted
    assert np.sqrt(np.square(heard(sound, deaf) - wanted).mean()) > 0.1


@pytest.mark.parametrize("level", ["ORT_DISABLE_ALL", "ORT_ENABLE_ALL"])
def test_onnx_runtime_makes_the_same_bits_however_it_optimises(level: str) -> None:
    sound = _sound(60, 1)
    found = by_onnx_runtime(exported()[1], sound, getattr(onnxruntime.GraphOptimizationLevel, level))
    np.testing.assert_array_equal(bits(found), bits(heard(sound)))


def test_jax_makes_the_same_bits() -> None:
    sound = _sound(60, 1)
    found = exact_mel_jax.apply(EXACT, sound.transpose(0, 2, 1))
    np.testing.assert_array_equal(bits(found), bits(heard(sound)))


@needs_compiler
@pytest.mark.parametrize("simd", [False, True])
def test_generated_c_makes_the_same_bits_from_16_bit_products(simd: bool, tmp_path) -> None:
    _, graph = exported()
    files = generate(graph, simd=simd).files
    code = files["model.c"].decode()
    assert "powers(&s" in code and "whole_conv(&s" in code and "float_conv" not in code and "logf" not in code
    built, sound = Built(files, tmp_path), _sound(40, 1)
    np.testing.assert_array_equal(built.run(sound), run(graph, sound))
    seen = np.stack([np.frombuffer(built.trace(window)[f"{HEARING.name}.log"], np.float32) for window in sound])
    np.testing.assert_array_equal(bits(seen), bits(heard(sound)).reshape(len(sound), -1))


@needs_compiler
def test_every_byte_from_the_entry_on_is_everybodys() -> None:
    net, graph = exported()
    sound = _sound(60, 2)
    assert integer.is_exact(net.front)
    assert prove_exact(graph, net, sound).differing == 0
    found = match(generate(graph, NAME).files, graph, net, sound)
    assert (found.differing, found.entered_differing, found.answers_differing) == (0, 0, 0)


def test_one_wrong_wave_is_refused_at_the_entry() -> None:
    net, graph = exported()

    def edit(waves: np.ndarray) -> None:
        waves[3, 0, 40] += 8

    wrong = change(onnx.load_from_string(graph), f"{HEARING.name}.cosines.weights", edit)
    with pytest.raises(Refused, match=ENTERED):
        prove_exact(wrong, net, _sound(100), compiled=False)


def test_no_operator_is_left_to_a_librarys_taste() -> None:
    operators = {node.op_type for node in onnx.load_from_string(exported()[1]).graph.node}
    assert not operators & {"Log", "Exp", "ReduceMean", "ReduceL2", "Pow"}


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 9), st.integers(1, 3), st.integers(1, 40), st.floats(0, 0.4))
def test_whatever_the_layer_no_sum_leaves_the_numbers_that_float32_tells_apart(
    power: int, hops: int, bands: int, low_share: float
) -> None:
    frame, rate_hz = 2**power, 8000.0
    bands = min(bands, max(frame // 16, 1))
    layer = records.LogMel(rate_hz, frame, frame // hops, bands, low_share * rate_hz, 0.49 * rate_hz, 1e-3)
    try:
        step = exact_mel(step_of(layer))
    except ValueError:
        return  # a band between two frequencies: refused where the layer is made
    for weights, largest in (
        (step.cosines, e.SAMPLE_LIMIT),
        (step.sines, e.SAMPLE_LIMIT),
        (step.bands, e.HALF - 1),
        (np.ones((1, len(step.bands), 1)), step.band_limit),
    ):
        assert (weights == np.rint(weights)).all() and np.abs(weights).max() < 2**15
        assert (np.abs(weights.astype(np.int64)).sum(axis=(1, 2)) * largest < e.EXACT).all()


def test_sums_of_whole_numbers_have_no_order_and_others_have() -> None:
    draw = np.random.default_rng(0)
    samples = draw.integers(-e.SAMPLE_LIMIT, e.SAMPLE_LIMIT, 128, endpoint=True).astype(np.float32)

    def sums(weights: np.ndarray) -> set[float]:
        orders = [draw.permutation(128) for _ in range(20)]
        return {float(np.cumsum(samples[order] * weights[order], dtype=np.float32)[-1]) for order in orders}

    whole, real = EXACT.cosines[5, 0], HEARING.waves[5, 0] * 1000
    assert sums(whole) == {float(samples.astype(np.int64) @ whole.astype(np.int64))}
    assert len(sums(real)) > 1


def test_a_louder_recording_is_heard_alike() -> None:
    sound = _sound(20)
    np.testing.assert_array_equal(bits(heard(4 * sound)), bits(heard(sound)))
    assert np.abs(heard(3 * sound) - heard(sound)).max() < 0.05


def test_silence_is_the_floor_and_a_single_click_is_heard() -> None:
    silence = np.zeros((1, 1600, 1), np.float32)
    np.testing.assert_allclose(heard(silence), np.log(HEARING.floor), atol=1e-5)
    click = silence.copy()
    click[0, 800] = 1e-3
    assert heard(click).max() > 0 and np.isfinite(heard(click)).all()


@pytest.mark.parametrize("length", [128, 1599, 40_000])
def test_windows_of_any_length_have_their_mean(length: int) -> None:
    sound = np.random.default_rng(0).normal(size=(2, length, 1)).astype(np.float32)
    wanted = s.apply(HEARING, sound.transpose(0, 2, 1))
    assert np.abs(heard(sound) - wanted).max() < 0.05


def test_the_logarithm_is_right_to_2e_5() -> None:
    values = np.geomspace(1e-4, 1e4, 200_001).astype(np.float32)
    assert np.abs(e.logarithm(values) - np.log(values.astype(np.float64))).max() < 2e-5
    assert (np.diff(e.logarithm(values)) > -2e-6).all()


def test_the_entry_of_the_graph_is_the_reference() -> None:
    net, graph = exported()
    sound = _sound(50, 3)
    np.testing.assert_array_equal(entered(graph, sound), net.entry.apply(integer.enter(net.front, sound)))
