import numpy as np
import pytest

from export.mcu.boards import BOARDS, CORTEX_M4F
from export.mcu.build import build
from export.mcu.emulate import emulate, instructions_per_tick
from export.mcu.tools import refused as refusal
from slipway.errors import Reason, Refused
from tests.export.mcu.programs import answers, body, needs_tools, toy, windows

pytestmark = needs_tools
STEP = instructions_per_tick(CORTEX_M4F)


def ran(statements, count=3, board=CORTEX_M4F, head=""):
    return emulate(build(toy(body(statements), head=head), "toy", board), windows(count), timeout_seconds=5)


def refused(statements, **options) -> Refused:
    with pytest.raises(Refused) as found:
        ran(statements, **options)
    assert found.value.reason is Reason.FIELD_INVALID and found.value.field == "program"
    return found.value


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_every_window_is_answered_in_order_and_to_the_last_bit(board):
    values = windows(500)
    found = emulate(build(toy(), "toy", board), values)
    np.testing.assert_array_equal(found.answers, answers(values))
    assert found.arena_bytes == 48


def test_variables_start_at_their_first_values_and_last_from_window_to_window():
    found = ran(
        "static float calls = 40; static float zero; zero += 1; calls += 1; (void)window;"
        "logits[0] = calls; logits[1] = zero;"
    )
    assert found.answers.tolist() == [[42, 2], [43, 3], [44, 4]]  # one run that is not counted comes first


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
@pytest.mark.parametrize("count", [1000, 20_000])
def test_instructions_are_counted(board, count):
    nops = f'(void)window; __asm__ volatile(".rept {count}\\n\\tnop\\n\\t.endr"); logits[0] = logits[1] = 0;'
    assert np.abs(ran(nops, board=board).instructions - count).max() <= 2 * STEP


def test_an_empty_net_takes_no_instructions():
    assert ran("(void)window; (void)logits;").instructions.max() <= STEP


def test_the_count_does_not_depend_on_the_computer():
    loop = "float sum = 0; for (int i = 0; i < 9999; i++) sum += window[i % 12]; logits[0] = logits[1] = sum;"
    first, second = ran(loop, 20), ran(loop, 20)
    np.testing.assert_array_equal(first.instructions, second.instructions)


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_paint_sees_how_deep_the_stack_was(board):
    deep = "volatile char deep[{0}]; for (int i = 0; i < {0}; i++) deep[i] = (char)i; logits[0] = deep[(int)window[0]];"
    shallow, deeper = (ran(deep.format(size), board=board).stack_bytes for size in (1000, 21_000))
    assert 1000 <= shallow < 1300 and deeper - shallow == 20_000


def test_one_deep_call_among_many_shallow_ones_counts():
    once = "static int calls; if (++calls == %d) dive(); (void)window; logits[0] = 0;"
    fill = "for (int i = 0; i < 5000; i++) deep[i] = 1; (void)deep[0];"
    dive = f"void dive(void); void dive(void) {{ volatile char deep[5000]; {fill} }}\n"
    assert ran(once % 2, head=dive).stack_bytes >= 5000
    assert ran(once % 99, head=dive).stack_bytes < 1000


def test_a_net_that_never_ends_is_stopped():
    with pytest.raises(Refused) as found:
        emulate(
            build(toy(body("(void)logits; for (;;) (void)*(const volatile float *)window;")), "toy", CORTEX_M4F),
            windows(1),
            timeout_seconds=1,
        )
    assert "did not end in time" in found.value.message and "1 s" in found.value.message


@pytest.mark.parametrize(
    "fault",
    [
        "(void)window; *(volatile int *)0xF0000000u = 1; logits[0] = 0;",
        "(void)window; *(volatile int *)0x10000000u = 1; logits[0] = 0;",
        "(void)window; *(volatile signed char *)&toy_weights[0][0] = 1; logits[0] = 0;",
        '(void)window; (void)logits; __asm__ volatile("udf #0");',
        "(void)window; volatile char deep[100000]; for (int i = 99999; i >= 0; i--) deep[i] = 1; logits[0] = deep[0];",
    ],
    ids=["bad address", "no memory", "write to flash", "undefined instruction", "stack out of RAM"],
)
@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_a_net_that_crashes_is_refused_at_once(fault, board):
    found = refused(fault, board=board).message
    assert f"did not end well on {board.name}" in found and "the processor faulted" in found


def test_windows_of_another_size_are_refused():
    image = build(toy(), "toy", CORTEX_M4F)
    for shape in ((3, 4, 2), (3, 8, 3)):
        with pytest.raises(Refused) as found:
            emulate(image, np.zeros(shape, np.float32))
        assert found.value.field == "program"


def test_no_window_is_refused():
    with pytest.raises(Refused) as found:
        emulate(build(toy(), "toy", CORTEX_M4F), windows(0))
    assert found.value.reason is Reason.FIELD_REQUIRED


def test_sums_are_taken_in_the_order_written():
    found = ran("logits[0] = (window[0] + 1e8f) - 1e8f; logits[1] = (window[0] / 3.0f) * 3.0f;")
    first = windows(3)[:, 0, 0]
    large, three = np.float32(1e8), np.float32(3)
    np.testing.assert_array_equal(found.answers, np.stack([(first + large) - large, first / three * three], 1))


def test_denormal_numbers_are_kept_as_onnx_runtime_keeps_them():
    found = ran("volatile float small = 1e-38f; logits[0] = small * 0.01f; (void)window; logits[1] = -0.0f;")
    assert found.answers[0, 0] == np.float32(1e-38) * np.float32(0.01) != 0
    assert np.signbit(found.answers[0, 1])


def test_what_a_program_says_is_cut_short():
    assert len(refusal("program", "fails", "x" * 10_000, "Stop.").details["found"]) == 160
