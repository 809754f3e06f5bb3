"""Exported int8 nets on all three cores: every byte of every answer is ONNX Runtime's."""

from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pytest

from export.c import generate
from export.calibration import can_copy, quantize
from export.folding import fold
from export.graph import to_bytes
from export.int8 import int8_onnx
from export.mcu.boards import BOARDS, CORTEX_M3, CORTEX_M4F, CORTEX_M7F, Board
from export.mcu.measure import Measured, measure, require_equal
from export.proof import run
from nets.layers import Conv
from slipway.errors import Reason, Refused
from tests.export.examples import NETS, change, example, model, windows
from tests.export.mcu.programs import needs_tools
from tests.export.test_fronts import FRONTS
from tests.export.test_fronts import _model as model_with_front
from tests.export.test_log_mel import MODEL as HEARING
from tests.export.test_log_mel import _sound as sound
from tests.nets.sensors import moving

pytestmark = needs_tools
WINDOWS = 200
CORES = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)


@cache
def exported(name: str, copies: int = 1):
    made = example(name)
    return made, int8_onnx(quantize(fold(made), windows(made, 64), copies=copies).net, made.task)


def on_board(graph: bytes, values: np.ndarray, board: Board, expected=None, **options) -> Measured:
    reference = run(graph, values) if expected is None else expected
    return measure(generate(graph, "model", **options).files, "model", board, values, reference)


@pytest.mark.parametrize(
    ("name", "board"),
    [*((name, CORTEX_M4F) for name in NETS), *product(["cnn", "ring", "mlp"], [CORTEX_M3, CORTEX_M7F])],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_net_is_the_same_on_the_board(name, board):
    made, graph = exported(name)
    values = 1.5 * windows(made, WINDOWS, seed=2)  # some leave the calibrated ranges
    found = require_equal(on_board(to_bytes(graph), values, board))
    assert found.windows == WINDOWS


@pytest.mark.parametrize("board", [CORTEX_M4F, CORTEX_M7F], ids=lambda board: board.name)
@pytest.mark.parametrize("arithmetic", ["float", "integer"])
def test_products_in_pairs_give_the_same_bytes(board, arithmetic):
    made, graph = exported("cnn")
    require_equal(on_board(to_bytes(graph), windows(made, WINDOWS), board, arithmetic=arithmetic, simd=True))


@CORES
@pytest.mark.parametrize("name", ["separable", "ring"])
def test_sums_become_bytes_without_floating_point_too(name, board):
    made, graph = exported(name)
    require_equal(on_board(to_bytes(graph), windows(made, WINDOWS), board, arithmetic="integer"))


def test_copies_of_the_input_are_made_on_the_board():
    made, graph = exported("cnn", copies=2)
    assert can_copy(fold(made))
    require_equal(on_board(to_bytes(graph), windows(made, WINDOWS), CORTEX_M4F))


@pytest.mark.parametrize("front", FRONTS)
def test_a_front_is_computed_on_the_board(front):
    made = model_with_front(FRONTS[front])
    values = moving(WINDOWS)
    graph = to_bytes(int8_onnx(quantize(fold(made), values).net, made.task))
    require_equal(on_board(graph, values, CORTEX_M4F))


def test_sound_is_heard_on_the_board():
    values = sound(WINDOWS)
    graph = to_bytes(int8_onnx(quantize(fold(HEARING), values).net, HEARING.task))
    require_equal(on_board(graph, values, CORTEX_M4F))


def test_one_wrong_bit_of_a_weight_is_caught():
    made, graph = exported("cnn")
    values = windows(made, WINDOWS)

    def edit(weights: np.ndarray) -> None:
        weights[0, 0, 0] ^= 1

    expected = run(to_bytes(graph), values)
    with pytest.raises(Refused) as refused:
        require_equal(on_board(change(graph, "1.weights", edit), values, CORTEX_M3, expected))
    assert refused.value.reason is Reason.EXPORT_DIFFERS


def test_what_a_net_takes_is_what_its_description_says():
    made, graph = exported("separable")
    generated = generate(to_bytes(graph))
    found = on_board(to_bytes(graph), windows(made, 10), CORTEX_M4F)
    assert found.arena_bytes == generated.arena_bytes
    assert 0 <= found.weight_bytes - generated.weight_bytes < 8  # to a whole word
    assert found.adapter_bytes >= generated.adapter_bytes
    assert found.ram_bytes >= found.arena_bytes + found.stack_bytes + 4 * np.prod(made.task.sensor.window_shape)


def test_twice_the_features_take_more_of_everything():
    layers, shape = NETS["cnn"]
    wider = tuple(replace(layer, features=2 * layer.features) if isinstance(layer, Conv) else layer for layer in layers)
    small, large = (
        on_board(to_bytes(int8_onnx(quantize(fold(one), windows(one, 64)).net, one.task)), windows(one, 5), CORTEX_M4F)
        for one in (example("cnn"), model(wider, shape))
    )
    for field in ("flash_bytes", "weight_bytes", "ram_bytes", "arena_bytes", "instructions"):
        assert getattr(large, field) > getattr(small, field)
