import json
from dataclasses import replace

import numpy as np
import pytest

from export.mcu.boards import BOARDS, CORTEX_M4F
from export.mcu.measure import EVIDENCE, Measured, differing_bytes, evidence, measure, prove, require_equal
from slipway.bundle.manifest import check_file_name
from slipway.errors import Reason, Refused
from tests.export.mcu.programs import WEIGHTS, answers, needs_tools, toy, windows

FOUND = Measured(
    board="cortex-m4f",
    windows=200,
    differing_bytes=0,
    flash_bytes=20_000,
    weight_bytes=9_000,
    adapter_bytes=700,
    ram_bytes=8_000,
    arena_bytes=5_000,
    stack_bytes=300,
    instructions=1_000_000,
)


@needs_tools
def test_a_net_is_the_same_on_the_board():
    values = windows(200)
    found = require_equal(measure(toy(), "toy", CORTEX_M4F, values, answers(values)))
    assert (found.board, found.windows, found.differing_bytes) == ("cortex-m4f", 200, 0)
    assert found.weight_bytes == 8 and found.arena_bytes == 48 and found.adapter_bytes == 0
    assert 200 < found.instructions < 600
    assert 600 < found.flash_bytes < 1500
    assert found.ram_bytes == 48 + 4 * (12 + 2 + 1) + found.stack_bytes  # arena, window, answer, ticks
    assert 50 < found.stack_bytes < 200


@needs_tools
def test_one_wrong_bit_in_a_weight_is_refused():
    values = windows(200)
    weights = WEIGHTS.copy()
    weights[1, 2] ^= 1
    found = measure(toy(weights=weights), "toy", CORTEX_M4F, values, answers(values))
    assert found.differing_bytes >= 200  # every window has an answer that is off
    with pytest.raises(Refused) as refused:
        require_equal(found)
    assert refused.value.reason is Reason.EXPORT_DIFFERS and "cortex-m4f" in refused.value.message


@needs_tools
def test_answers_of_another_shape_are_refused():
    values = windows(5)
    with pytest.raises(Refused) as refused:
        measure(toy(), "toy", CORTEX_M4F, values, answers(values)[:, :1])
    assert refused.value.reason is Reason.EXPORT_DIFFERS


@pytest.mark.parametrize(
    ("first", "second", "count"),
    [([1.0, 2.0], [1.0, 2.0], 0), ([0.0], [-0.0], 1), ([1.0], [-1.0], 1), ([np.nan], [np.nan], 0), ([1.0], [2.0], 2)],
)
def test_bytes_are_compared_not_numbers(first, second, count):
    assert differing_bytes(np.array([first], np.float32), np.array([second], np.float32)) == count


def test_what_was_measured_travels_as_json():
    assert Measured(**json.loads(json.dumps(FOUND.to_json()))) == FOUND


@needs_tools
def test_a_net_is_proven_on_every_board_or_on_none():
    values = windows(20)
    found = prove(toy(), "toy", values, answers(values))
    assert [one.board for one in found] == list(BOARDS) and not any(one.differing_bytes for one in found)
    wrong = answers(values)
    wrong[7, 1] = np.nextafter(wrong[7, 1], np.float32(np.inf))
    with pytest.raises(Refused) as refused:
        prove(toy(), "toy", values, wrong)
    assert refused.value.reason is Reason.EXPORT_DIFFERS


def test_the_evidence_in_a_bundle_names_the_boards():
    read = json.loads(evidence([FOUND, replace(FOUND, board="cortex-m3")]))
    assert [Measured(**one).board for one in read["boards"]] == ["cortex-m4f", "cortex-m3"]
    assert evidence([FOUND]) == evidence([FOUND])
    check_file_name(EVIDENCE)


def test_one_byte_is_enough_to_refuse():
    assert require_equal(FOUND) is FOUND
    with pytest.raises(Refused):
        require_equal(replace(FOUND, differing_bytes=1))
