"""Sums of whole numbers are done in 16-bit products where float32 would add them exactly, and nowhere else."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export import c
from export.proof import run
from tests.export.c.building import Built, needs_compiler
from tests.export.c.reference import tensors

LENGTH, TAPS, FEATURES = 60, 9, 6


def graph(weights: np.ndarray, limit: float = 100.0, rounding: str | None = "Round", **options: object) -> bytes:
    """Clip(Round(window)) through a convolution, then the mean over time."""
    constants = {"weights": weights.astype(np.float32), "low": np.float32(-limit), "high": np.float32(limit)}
    nodes = [helper.make_node("Transpose", ["window"], ["first"], perm=[0, 2, 1])]
    if rounding:
        nodes.append(helper.make_node(rounding, ["first"], ["round"]))
    nodes += [
        helper.make_node("Clip", ["round" if rounding else "first", "low", "high"], ["whole"], "whole"),
        helper.make_node("Conv", ["whole", "weights"], ["sums"], "sums", **options),
        helper.make_node("GlobalAveragePool", ["sums"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["logits"]),
    ]
    body = helper.make_graph(
        nodes,
        "whole",
        [helper.make_tensor_value_info("window", TensorProto.FLOAT, ["batch", LENGTH, 2])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", FEATURES])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def _weights(largest: int = 50, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-largest, largest, (FEATURES, 2, TAPS)).astype(np.float32)


def _code(made: bytes, simd: bool = False) -> str:
    return c.generate(made, simd=simd).files["model.c"].decode()


def _values(count: int = 8, scale: float = 60.0, channels: int = 2) -> np.ndarray:
    return (scale * np.random.default_rng(1).normal(size=(count, LENGTH, channels))).astype(np.float32)


@needs_compiler
@pytest.mark.parametrize("simd", [False, True])
@pytest.mark.parametrize("rounding", ["Round", "Floor"])
def test_whole_numbers_are_multiplied_in_16_bits_and_the_sums_are_onnx_runtimes(rounding, simd, tmp_path):
    made = graph(_weights(), rounding=rounding, strides=[3])
    assert "whole_conv" in _code(made, simd) and "float_conv" not in _code(made, simd)
    built, values = Built(c.generate(made, simd=simd).files, tmp_path), _values()
    np.testing.assert_allclose(built.run(values), run(made, values), rtol=1e-6)  # the mean alone has an order
    whole = np.clip({"Round": np.rint, "Floor": np.floor}[rounding](values[0].T), -100, 100)
    slices = np.lib.stride_tricks.sliding_window_view(whole, TAPS, axis=1)[:, ::3]
    wanted = np.einsum("ctk,fck->ft", slices, _weights())
    np.testing.assert_array_equal(
        np.frombuffer(built.trace(values[0])["sums"], np.float32).reshape(FEATURES, -1), wanted
    )


@pytest.mark.parametrize(
    "made",
    [
        graph(_weights() + 0.5),
        graph(_weights(), rounding=None),
        graph(_weights(), limit=100.5),
        graph(_weights(), limit=40_000.0),
        graph(_weights(30_000), limit=3_000.0),
        graph(_weights(), pads=[2, 2]),
        graph(_weights()[:, :1], group=2),
    ],
    ids=["half weights", "not rounded", "half limit", "over 16 bits", "over 24 bits", "padded", "grouped"],
)
def test_else_they_stay_in_float(made):
    assert "whole_conv" not in _code(made) and "float_conv" in _code(made)


@needs_compiler
def test_what_is_not_a_number_is_no_undefined_one(tmp_path):
    built = Built(c.generate(graph(_weights())).files, tmp_path)
    values = _values(1)
    values[0, 5, 0] = np.nan
    assert np.isfinite(built.run(values)).all()


@needs_compiler
def test_one_wrong_weight_is_seen(tmp_path):
    wrong = _weights()
    wrong[2, 1, 4] += 1
    built, values = Built(c.generate(graph(wrong)).files, tmp_path), _values()
    assert (np.abs(built.run(values) - run(graph(_weights()), values)).max(axis=0) > 1e-3).nonzero()[0].tolist() == [2]


def _powers(first: np.ndarray, other: np.ndarray, third: np.ndarray | None = None, limit: float = 90.0) -> bytes:
    """The largest sum of the squares of two convolutions of whole numbers, beside a third convolution or none."""
    constants = {"first": first, "other": other, "low": np.float32(-limit), "high": np.float32(limit)}
    nodes = [
        helper.make_node("Transpose", ["window"], ["turned"], perm=[0, 2, 1]),
        helper.make_node("Round", ["turned"], ["round"]),
        helper.make_node("Clip", ["round", "low", "high"], ["whole"], "whole"),
    ]
    for name in ("first", "other"):
        nodes.append(helper.make_node("Conv", ["whole", name], [f"{name}.sums"]))
        nodes.append(helper.make_node("Mul", [f"{name}.sums"] * 2, [f"{name}.squared"]))
    nodes.append(helper.make_node("Add", ["first.squared", "other.squared"], ["powers"]))
    nodes.append(helper.make_node("Add", ["powers", "powers"], ["twice"]))
    if third is not None:
        constants["third"] = third
        nodes.append(helper.make_node("Conv", ["whole", "third"], ["third.sums"]))
        nodes.append(helper.make_node("Add", ["twice", "third.sums"], ["more"]))
    nodes += [
        helper.make_node("ReduceMax", ["more" if third is not None else "twice", "axes"], ["most"], keepdims=0),
        helper.make_node("Identity", ["most"], ["logits"]),
    ]
    arrays = {name: numpy_helper.from_array(np.asarray(array, np.float32), name) for name, array in constants.items()}
    body = helper.make_graph(
        nodes,
        "powers",
        [helper.make_tensor_value_info("window", TensorProto.FLOAT, ["batch", LENGTH, first.shape[1]])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(first)])],
        [*arrays.values(), numpy_helper.from_array(np.array([2], np.int64), "axes")],
    )
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


@needs_compiler
@pytest.mark.parametrize("simd", [False, True])
@pytest.mark.parametrize("features", [1, 5, 8])
def test_powers_are_made_without_their_parts(features, simd, tmp_path):
    first, other = _weights(seed=2)[:1].repeat(features, 0), np.arange(features)[:, None, None] + _weights(seed=3)[:1]
    made = _powers(first, other)
    found, values = c.generate(made, simd=simd), _values()
    assert "powers(&s" in found.files["model.c"].decode() and "whole_conv" not in found.files["model.c"].decode()
    traced, plain = (Built(found.files, tmp_path / name, trace=name == "traced") for name in ("traced", "plain"))
    np.testing.assert_array_equal(plain.run(values), run(made, values))
    np.testing.assert_array_equal(traced.run(values), plain.run(values))
    reference, seen = tensors(made, values[0]), traced.trace(values[0])
    assert {name: array.tobytes() for name, array in reference.items()} == seen


@needs_compiler
def test_weights_that_somebody_else_reads_too_stay(tmp_path):
    first, other = _weights(seed=2), _weights(seed=3)
    for at, third in enumerate((first, other)):
        made = _powers(first, other, third)
        values = _values()
        found = Built(c.generate(made).files, tmp_path / str(at))
        np.testing.assert_array_equal(found.run(values), run(made, values))
    twice = _powers(first, first)
    np.testing.assert_array_equal(Built(c.generate(twice).files, tmp_path / "twice").run(values), run(twice, values))


def _mirrored(features: int, taps: int, largest: int = 50) -> tuple[np.ndarray, np.ndarray]:
    """Weights (features, 1, taps) that are even, and others that are odd, around the middle; the first tap is zero."""
    draw = np.random.default_rng(4)
    half = draw.integers(-largest, largest, (2, features, 1, taps // 2))
    even = np.concatenate([0 * half[0, :, :, :1], half[0], half[0, :, :, -2::-1]], axis=2)
    half[1, :, :, -1] = 0
    odd = np.concatenate([0 * half[1, :, :, :1], half[1], -half[1, :, :, -2::-1]], axis=2)
    return even.astype(np.float32), odd.astype(np.float32)


@needs_compiler
@pytest.mark.parametrize("simd", [False, True])
@pytest.mark.parametrize(("features", "taps"), [(1, 2), (3, 8), (6, 14), (8, 32)])
def test_a_place_is_folded_where_the_weights_mirror(features, taps, simd, tmp_path):
    first, other = _mirrored(features, taps)
    made = _powers(first, other)
    found, values = c.generate(made, simd=simd), _values(channels=1)
    length = -(-(taps // 2) // 4) * 4
    assert f", {features}, {length}, {taps}, t_powers" in found.files["model.c"].decode()
    assert found.weight_bytes == 2 * 2 * -(-features // 4) * 4 * length
    np.testing.assert_array_equal(Built(found.files, tmp_path, trace=False).run(values), run(made, values))


def _unfolded(first: np.ndarray, other: np.ndarray, limit: float = 90.0) -> bool:
    code = c.generate(_powers(first, other, limit=limit)).files["model.c"].decode()
    return f", {first.shape[2]}, 0, t_powers" in code


def test_a_place_is_not_folded_where_something_would_be_lost():
    first, other = _mirrored(3, 16, largest=20)
    assert not _unfolded(first, other)
    crooked, begun = first.copy(), first.copy()
    crooked[1, 0, 3] += 1
    begun[1, 0, 0] = 1
    assert _unfolded(crooked, other) and _unfolded(begun, other) and _unfolded(other, first)
    assert _unfolded(first, other, limit=20_000.0)  # two of these do not fit 16 bits
