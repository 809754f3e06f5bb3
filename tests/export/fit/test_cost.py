"""The cost of a net without building it, against the generator's own numbers and against emulated cores."""

import json
from collections import Counter

import numpy as np
import pytest

from export.c import generate
from export.fit.cost import COEFFICIENTS, coefficients, cost, cost_of_layers, counted, estimate
from export.fit.draft import draft
from export.fit.survey import MOTION, RING, SOUND, fitted, nets, survey
from export.fit.work import work
from export.mcu.boards import BOARDS
from nets.architectures import cnn, ds_cnn, mlp
from nets.layers import Layers
from slipway.errors import Refused
from slipway.spec import TaskSpec
from tests.export.mcu.programs import needs_tools

CODE_BYTES, STACK_BYTES, INSTRUCTIONS = 600, 150, 0.2  # how far estimates may be off
# Nets that the survey does not hold: other widths, sizes and depths.
OTHERS: dict[str, tuple[TaskSpec, Layers]] = {
    "cnn": (MOTION, cnn(MOTION, widths=(32, 60, 44), sizes=(6, 3, 7))),
    "separable": (MOTION, ds_cnn(MOTION, widths=(20, 36), sizes=(9, 4))),
    "dense": (MOTION, mlp(MOTION, widths=(40, 24, 12))),
    "ring": (RING, cnn(RING, widths=(12, 20), sizes=(1, 5), hidden=(48, 16))),
    "sound": (SOUND, ds_cnn(SOUND, widths=(16, 32, 20), sizes=(4, 3, 6))),
}


@pytest.mark.parametrize("name", OTHERS)
def test_bytes_that_the_generator_plans_are_exact(name: str) -> None:
    graph = draft(*OTHERS[name])
    made, found = generate(graph), counted(graph)
    assert (found.weight_bytes, found.arena_bytes) == (made.weight_bytes, made.arena_bytes)
    assert found.adapter_bytes == 2 * made.adapter_bytes


@needs_tools
@pytest.mark.parametrize("core", BOARDS)
@pytest.mark.parametrize("name", OTHERS)
def test_estimates_are_near_what_an_emulated_core_takes(name: str, core: str) -> None:
    (found,) = survey(BOARDS[core], [(name, *OTHERS[name])])
    guessed = estimate(found.counted, core)
    assert guessed.instructions == pytest.approx(found.measured.instructions, rel=INSTRUCTIONS)
    assert guessed.flash_bytes == pytest.approx(found.measured.flash_bytes, abs=CODE_BYTES)
    assert guessed.ram_bytes == pytest.approx(found.measured.ram_bytes, abs=STACK_BYTES)


@needs_tools
def test_the_sections_of_a_build_are_the_bytes_that_were_counted() -> None:
    (found,) = survey(BOARDS["cortex-m4f"], [("cnn", *OTHERS["cnn"])])
    assert 0 <= found.measured.weight_bytes - found.counted.weight_bytes < 8, "the linker fills up between arrays"
    assert found.measured.adapter_bytes == found.counted.adapter_bytes
    assert found.measured.arena_bytes == found.counted.arena_bytes


@needs_tools
def test_coefficients_fitted_to_other_nets_explain_a_net_that_was_left_out() -> None:
    chosen = [one for one in nets() if one[0].startswith(("motion cnn", "motion mlp"))]
    found = survey(BOARDS["cortex-m4f"], chosen)
    known = fitted(found[1:])["instructions"]
    guessed = sum(known.get(name, 0) * count for name, count in found[0].counted.work.items())
    assert guessed == pytest.approx(found[0].measured.instructions, rel=0.1)


def test_work_is_counted_from_the_loops_of_the_kernels() -> None:
    """By hand: a convolution of 5 samples over 6 channels into 4 features at 128 places, pooled by two."""
    layers = cnn(MOTION, widths=(4,), sizes=(5,))
    found = counted(draft(MOTION, layers)).work
    length = 32  # 5 samples of 6 channels, filled up to a multiple of four
    assert found["pair products"] == 128 * 4 * length
    assert found["looks"] == 128
    assert found["requantised"] == 64 * 4 + 4
    assert found["summed"] == 4 * 64
    assert found["single products"] == 8 * 4
    assert found["quantized"] == 128 * 6
    assert work([]) == Counter({"run": 1})


def test_more_work_and_more_weights_cost_more() -> None:
    small, large = (cost_of_layers(MOTION, cnn(MOTION, widths=(w, w), sizes=(5, 5))) for w in (8, 16))
    assert large.flash_bytes > small.flash_bytes
    assert large.ram_bytes > small.ram_bytes
    assert large.instructions > 2 * small.instructions
    assert not small.measured


def test_the_cost_does_not_depend_on_the_numbers() -> None:
    layers = OTHERS["separable"][1]
    assert cost(draft(MOTION, layers, seed=1)) == cost(draft(MOTION, layers, seed=2))


def test_a_count_that_was_never_surveyed_is_not_free() -> None:
    from dataclasses import replace

    known = counted(draft(MOTION, OTHERS["cnn"][1]))
    strange = replace(known, work={**known.work, "never seen": 1000})
    assert estimate(strange, "cortex-m4f").instructions > estimate(known, "cortex-m4f").instructions + 1000


def test_there_are_coefficients_for_every_core_and_none_is_negative() -> None:
    table = json.loads(COEFFICIENTS.read_text(encoding="utf-8"))
    assert table.keys() == BOARDS.keys()
    for core in table:
        found = coefficients(core)
        assert found.keys() == {"code", "stack", "instructions"}
        assert min(min(part.values()) for part in found.values()) >= 0
    with pytest.raises(Refused, match="core"):
        coefficients("cortex-m99")


def test_the_survey_holds_no_net_of_this_test() -> None:
    surveyed = {layers for _, _, layers in nets()}
    assert not surveyed & {layers for _, layers in OTHERS.values()}
    assert len(surveyed) == len(list(nets()))
    assert np.all([count > 0 for _, task, layers in nets() for count in counted(draft(task, layers)).work.values()])
