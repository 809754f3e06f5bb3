"""An adapter update rewrites one slot: the device takes the sound one with the higher version."""

import numpy as np
import onnx
import pytest

from export import c
from export.proof import run
from tests.export.c.building import Built, needs_compiler
from tests.export.c.test_generated import exported
from tests.export.examples import change, example, windows

pytestmark = needs_compiler


def _with_bias(graph: bytes) -> bytes:
    """Another adapter for the same weights: biases, scales and the input's normalisation moved."""

    def edit(array: np.ndarray) -> None:
        array[...] = (array * 1.25).astype(array.dtype)

    for name in ("1.bias", "1.weight_scale", "0.mean"):
        graph = change(onnx.load_from_string(graph), name, edit)
    return graph


@pytest.fixture(scope="module", params=["float", "integer"])
def case(request, tmp_path_factory):
    made = example("cnn")
    graph = exported(made, windows(made, 64))[1]
    files = c.generate(graph, arithmetic=request.param).files
    return graph, Built(files, tmp_path_factory.mktemp("adapter")), windows(made, 40, seed=3), request.param


@pytest.fixture(autouse=True)
def as_built(case):
    case[1].put(1, None)
    assert case[1].select() == 0


def test_a_newer_slot_gives_the_other_graphs_bytes(case):
    graph, built, values, arithmetic = case
    other = _with_bias(graph)
    assert (run(other, values) != run(graph, values)).any()
    assert built.put(1, c.adapter_slot(other, arithmetic=arithmetic, version=2)) == 1
    np.testing.assert_array_equal(built.run(values), run(other, values))


def test_an_older_slot_is_left_alone(case):
    graph, built, values, arithmetic = case
    assert built.put(1, c.adapter_slot(_with_bias(graph), arithmetic=arithmetic, version=0)) == 0
    np.testing.assert_array_equal(built.run(values), run(graph, values))


@pytest.mark.parametrize("place", [0, 4, 8, -5, -1])
def test_a_slot_with_a_wrong_byte_is_left_alone(case, place):
    graph, built, _, arithmetic = case
    image = bytearray(c.adapter_slot(_with_bias(graph), arithmetic=arithmetic))
    image[place] ^= 1
    assert built.put(1, bytes(image)) == 0


def test_a_slot_that_was_cut_off_is_left_alone(case):
    graph, built, _, arithmetic = case
    image = c.adapter_slot(_with_bias(graph), arithmetic=arithmetic)
    for written in range(0, len(image), 28):
        assert built.put(1, image[:written] + b"\xff" * (len(image) - written)) == 0


def test_a_slot_for_other_weights_is_left_alone(case):
    graph, built, _, arithmetic = case

    def edit(weights: np.ndarray) -> None:
        weights[0, 0, 0] ^= 1

    other = change(onnx.load_from_string(graph), "1.weights", edit)
    assert built.put(1, c.adapter_slot(other, arithmetic=arithmetic)) == 0


def test_without_a_sound_slot_every_logit_is_no_number(case):
    graph, built, values, arithmetic = case
    first = c.adapter_slot(graph, arithmetic=arithmetic, version=1)
    assert built.put(0, b"\xff" * len(first)) == -1
    assert np.isnan(built.run(values[:1])).all()
    assert built.put(0, first) == 0
    np.testing.assert_array_equal(built.run(values), run(graph, values))


def test_a_slot_is_as_long_as_the_header_says(case):
    graph, built, _, arithmetic = case
    assert len(c.adapter_slot(graph, arithmetic=arithmetic)) == built.size("ADAPTER_BYTES")
