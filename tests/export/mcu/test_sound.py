"""Sound on all three cores: the log-mel front too is whole-number products and operations that IEEE 754 fixes."""

import numpy as np
import pytest

from export.c import generate
from export.calibration import quantize
from export.folding import fold
from export.graph import to_bytes
from export.int8 import int8_onnx
from export.mcu.boards import BOARDS, CORTEX_M4F, CORTEX_M7F, Board
from export.mcu.measure import measure, require_equal
from export.proof import run
from slipway.errors import Reason, Refused
from tests.export.examples import change
from tests.export.mcu.programs import needs_tools
from tests.export.test_log_mel import MODEL
from tests.export.test_log_mel import _sound as sound

pytestmark = needs_tools
WINDOWS = 60
NET = quantize(fold(MODEL), sound(60), copies=2).net
GRAPH = int8_onnx(NET, MODEL.task)
VALUES = sound(WINDOWS, 1)


@pytest.mark.parametrize(
    ("board", "simd"),
    [*((board, False) for board in BOARDS.values()), (CORTEX_M4F, True), (CORTEX_M7F, True)],
    ids=lambda value: getattr(value, "name", "pairs" if value else "plain"),
)
def test_sound_is_heard_alike(board: Board, simd: bool) -> None:
    graph = to_bytes(GRAPH)
    require_equal(measure(generate(graph, simd=simd).files, "model", board, VALUES, run(graph, VALUES)))


def test_one_wrong_band_is_caught() -> None:
    expected = run(to_bytes(GRAPH), VALUES)

    def edit(bands: np.ndarray) -> None:
        bands[4, bands[4, :, 0].argmax(), 0] -= 200

    wrong = change(GRAPH, "0.bands", edit)
    with pytest.raises(Refused) as refused:
        require_equal(measure(generate(wrong).files, "model", CORTEX_M4F, VALUES, expected))
    assert refused.value.reason is Reason.EXPORT_DIFFERS
