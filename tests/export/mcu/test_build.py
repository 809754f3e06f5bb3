import pytest

from export.mcu.boards import BOARDS, CORTEX_M3, CORTEX_M4F
from export.mcu.build import build
from slipway.errors import Reason, Refused
from tests.export.mcu.programs import CHANNELS, CLASSES, TIME, body, needs_tools, toy

pytestmark = needs_tools


def refused(files, name="toy", **options) -> Refused:
    with pytest.raises(Refused) as found:
        build(files, name, CORTEX_M4F, **options)
    assert found.value.reason is Reason.FIELD_INVALID
    return found.value


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_equal_files_give_equal_bytes_in_any_folder(board):
    assert build(toy(), "toy", board).elf == build(toy(), "toy", board).elf


def test_the_cores_get_programs_of_their_own():
    assert len({build(toy(), "toy", board).elf for board in BOARDS.values()}) == len(BOARDS)


def test_weights_and_what_an_adapter_changes_lie_in_sections_of_their_own():
    scale = b'__attribute__((section(".slipway_adapter"))) const float toy_scale[3] = {1.5f, 2.5f, 3.5f};\n'
    keep = body(
        "extern const float toy_scale[3]; logits[0] = toy_scale[(int)window[0]] + toy_weights[1][(int)window[1]];"
    )
    sections = build({**toy(keep), "toy_adapter.c": scale}, "toy", CORTEX_M4F).sections
    assert sections[".weights"] == 8  # 2 × 3, to a whole word
    assert sections[".adapter"] == 12


@pytest.mark.parametrize(
    ("table", "flash", "ram"),
    [
        ("const unsigned char table[1000] = {1};", True, False),
        ("unsigned char table[1000];", False, True),
        ("unsigned char table[1000] = {1};", True, True),  # its first values lie in flash
    ],
    ids=["constant", "variable", "variable with a first value"],
)
def test_flash_grows_by_what_is_constant_and_ram_by_what_is_not(table, flash, ram):
    kind = table.split(" table")[0]
    declared = f"extern {kind} table[1000];"
    code = body(f"{declared} logits[0] = table[(int)window[0]];")
    with_table = build({**toy(code), "table.c": f"{declared}\n{table}\n".encode()}, "toy", CORTEX_M4F)
    without = build(toy(body("logits[0] = window[0];")), "toy", CORTEX_M4F)
    assert (with_table.flash_bytes - without.flash_bytes >= 1000) is flash
    assert (with_table.static_ram_bytes - without.static_ram_bytes >= 1000) is ram


def test_ram_holds_the_arena_and_one_window():
    assert build(toy(), "toy", CORTEX_M4F).static_ram_bytes >= 48 + 4 * TIME * CHANNELS + 4 * CLASSES


def test_a_warning_in_generated_code_is_refused_with_its_line():
    found = refused(toy(body("int unused; logits[0] = window[0];")))
    assert "unused" in found.message and "toy.c:3" in found.message


def test_a_function_that_is_not_there_is_refused():
    found = refused(toy(body("double sin(double); logits[0] = window[0]; void absent(void); absent();")))
    assert "absent" in found.message


def test_a_net_larger_than_the_memory_is_refused():
    assert (
        "RAM"
        in refused(
            toy(
                head="static float huge[2000000]; float *reach(void); float *reach(void) { return huge; }\n",
                run=body("extern float *reach(void); logits[0] = reach()[(int)window[0]];"),
            )
        ).message
    )


@pytest.mark.parametrize("name", ["", "Toy", "toy-2", "2toy", "toy; rm", "../toy"])
def test_only_plain_names_reach_the_compiler(name):
    assert "name" in refused(toy(), name).message


@pytest.mark.parametrize("file", ["../toy.c", "/tmp/toy.c", "a/toy.c"])
def test_files_stay_in_their_folder(file):
    assert file in refused({**toy(), file: b""}).message


def test_products_are_not_fused_with_sums():
    code = toy(body("logits[0] = window[0] * window[1] + window[2]; logits[1] = 0;"))
    fused = build(code, "toy", CORTEX_M4F, options=["-ffp-contract=fast"])
    assert build(code, "toy", CORTEX_M4F).elf != fused.elf


def test_a_core_without_a_floating_point_unit_gets_none():
    soft, hard = (build(toy(), "toy", board).flash_bytes for board in (CORTEX_M3, CORTEX_M4F))
    assert soft > hard
