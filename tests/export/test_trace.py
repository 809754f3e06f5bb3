"""Every integer tensor on the way to the logits: the same bytes from NumPy, from JAX and from ONNX Runtime."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from export import integer, jax_integer
from export.calibration import can_copy, quantize
from export.folding import fold
from export.graph import to_bytes
from export.int8 import int8_onnx
from export.integer import Entry, Grid, Int8Net, Linear
from export.trace import Comparison, compare, trace, trace_graph
from nets.layers import Dense, Flatten
from nets.model import Model
from tests.export.examples import NETS, change, example, model, small_models, windows


def exported(made: Model, copies: int = 1) -> tuple[Int8Net, bytes]:
    steps = fold(made)
    net = quantize(steps, windows(made, 32), copies=copies if can_copy(steps) else 1).net
    return net, to_bytes(int8_onnx(net, made.task))


@pytest.mark.parametrize(("name", "copies"), [*((name, 2) for name in NETS), ("cnn", 1)])
def test_three_machines_make_the_same_bytes_in_every_tensor(name: str, copies: int) -> None:
    made = example(name)
    net, graph = exported(made, copies)
    values = 2 * windows(made, 24, seed=2)  # some leave the calibrated ranges
    wanted = trace(net, values)
    for found in (trace_graph(graph, values), jax_integer.tracer(net)(values)):
        assert found.keys() == wanted.keys()
        assert compare(found, wanted) == Comparison(len(wanted), sum(array.nbytes for array in wanted.values()), 0)
    np.testing.assert_array_equal(wanted["logits"], integer.logits(net, values))


@settings(max_examples=30, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(small_models(), st.sampled_from([1, 2]))
def test_any_small_net_makes_the_same_tensors_in_onnx_runtime(made: Model, copies: int) -> None:
    net, graph = exported(made, copies)
    values = 3 * windows(made, 9, seed=2)
    assert compare(trace_graph(graph, values), trace(net, values)).differing == 0


@settings(max_examples=4, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(small_models())
def test_any_small_net_makes_the_same_tensors_in_jax(made: Model) -> None:
    net, _ = exported(made)
    values = 3 * windows(made, 9, seed=2)
    assert compare(jax_integer.tracer(net)(values), trace(net, values)).differing == 0


def test_sums_beyond_what_float32_holds_are_exact_too() -> None:
    made = model((Flatten(), Dense(3)), (40, 60))
    made.arrays["1.kernel"][:, 0] = 1.0
    loud = np.abs(windows(made, 8))
    net = quantize(fold(made), loud).net
    values = np.where(loud > 0.1, loud.max(), loud)  # most bytes are 255
    wanted = trace(net, values)
    assert isinstance(net.layers[-1], Linear) and np.abs(wanted["1.biased"]).max() >= 2**24
    assert compare(jax_integer.tracer(net)(values), wanted).differing == 0
    assert compare(trace_graph(to_bytes(int8_onnx(net, made.task)), values), wanted).differing == 0


def test_the_compiled_entry_divides_and_does_not_multiply_by_a_reciprocal() -> None:
    values = (1.3 * np.random.default_rng(0).normal(size=(20_000, 24, 1))).astype(np.float32)
    entry = Entry(Grid(np.float32(0.0150567), 91), 8)
    np.testing.assert_array_equal(jax_integer.entered(entry, values), entry.apply(values))
    shifted = values[:, :, None] + entry.offsets[:, None]
    product = np.rint(shifted * (1 / entry.grid.scale)) != np.rint(shifted / entry.grid.scale)
    assert product.any()  # so that these numbers would show it


def test_logits_in_parts_are_those_at_once() -> None:
    made = example("cnn")
    net, _ = exported(made)
    values = windows(made, 21)
    np.testing.assert_array_equal(jax_integer.logits(net, values, chunk=8), integer.logits(net, values))


def test_the_names_are_those_of_the_file_and_no_integer_is_left_out() -> None:
    made = example("ring")
    net, _ = exported(made)
    names = ["entry.bytes", "2.wrapped", "2.conv", "5.pooled", "6.wrapped", "6.conv", "8.flat"]
    assert list(trace(net, windows(made, 1))) == [*names, "9.sums", "9.biased", "9.flat", "logits"]


def test_a_wrong_weight_is_found_where_it_stands() -> None:
    made = example("cnn")
    net, _ = exported(made)
    values = windows(made, 24)

    def edit(weights: np.ndarray) -> None:
        weights[:, 2, 1] ^= 1

    wrong = change(int8_onnx(net, made.task), "5.weights", edit)
    found = compare(trace_graph(wrong, values), trace(net, values))
    assert found.first == "5.conv" and 0 < found.differing < found.bytes


def test_a_byte_that_no_logit_shows_is_counted() -> None:
    tensors = {"a": np.zeros((2, 3), np.uint8), "logits": np.zeros((2, 2), np.float32)}
    other = {**tensors, "a": np.eye(2, 3, dtype=np.uint8)}
    assert compare(other, tensors) == Comparison(2, 22, 2, "a")


def test_a_tensor_that_one_side_lacks_differs_in_all_its_bytes() -> None:
    tensors = {"a": np.zeros((2, 3), np.uint8), "b": np.zeros(4, np.int32)}
    assert compare({"a": tensors["a"]}, tensors) == Comparison(2, 22, 16, "b")
    assert compare({**tensors, "b": np.zeros((4, 1), np.int32)}, tensors).differing == 16


def test_comparisons_of_further_windows_add_up() -> None:
    assert Comparison(3, 10, 0) + Comparison(3, 5, 2, "x") == Comparison(3, 15, 2, "x")
