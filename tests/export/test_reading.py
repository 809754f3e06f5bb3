import numpy as np
import pytest
from hypothesis import given, settings

from export import integer
from export.calibration import quantize
from export.float_onnx import float_onnx
from export.folding import fold
from export.graph import to_bytes
from export.int8 import int8_onnx
from export.reading import read
from slipway.errors import Reason, Refused
from tests.export.examples import NETS, example, small_models, windows


@pytest.mark.parametrize("copies", [1, 4])
@pytest.mark.parametrize("name", NETS)
def test_a_written_net_is_read_again(name, copies):
    made = example(name)
    steps, values = fold(made), windows(made, 50)
    net = quantize(steps, values, copies=copies if name != "pool_first" else 1).net
    graph = to_bytes(int8_onnx(net, made.task))
    found = read(graph, steps, made.task)
    assert to_bytes(int8_onnx(found, made.task)) == graph
    assert found.entry == net.entry and found.exit == net.exit
    np.testing.assert_array_equal(integer.logits(found, values), integer.logits(net, values))


@settings(max_examples=12, derandomize=True)
@given(small_models())
def test_any_small_net_is_read_again(made):
    steps = fold(made)
    graph = to_bytes(int8_onnx(quantize(steps, windows(made, 20)).net, made.task))
    assert to_bytes(int8_onnx(read(graph, steps, made.task), made.task)) == graph


def test_files_that_are_not_of_this_model_are_refused():
    made, other = example("cnn"), example("separable")
    whole = to_bytes(int8_onnx(quantize(fold(made), windows(made, 20)).net, made.task))
    moved_front = example("cnn", seed=1)
    for graph, steps in [
        (whole, fold(other)),
        (whole, fold(moved_front)),
        (to_bytes(float_onnx(made)), fold(made)),
        (whole[:-1], fold(made)),
        (whole + whole[:2], fold(made)),
        (b"no graph", fold(made)),
    ]:
        with pytest.raises(Refused) as refused:
            read(graph, steps, made.task)
        assert refused.value.reason is Reason.FROZEN_GRID_UNFIT and refused.value.field == "base.graph"
