"""The search for a device: what it returns fits, is what was judged best, and "nothing fits" names the limit."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from export.fit.cost import cost
from export.fit.finals import quantized
from export.fit.halving import Effort, Runner, Step, halved
from export.fit.profile import Profile, shortfalls
from export.fit.search import Fitted, decided, fit
from export.fit.table import Row
from export.fit.teaching import Pace, accuracy, learn, lesson
from export.proof import run
from nets.architectures import cnn
from nets.inference import logits
from nets.model import Model
from nets.network import initial_arrays
from nets.pretraining import Recipe, pretrain
from nets.training import Cancelled
from nets.windows import Windows
from slipway.errors import Reason, Refused
from slipway.spec import Channel
from slipway.windows import UNLABELLED
from tests.nets.models import small
from tests.nets.tasks import task, waves

ROOMY = Profile("roomy", 12_000, 8_000, 1e6)  # too little for some candidates: the flash limit binds
EFFORT = Effort(candidates=3, steps=(8, 16), finalists=1, pace=Pace(batch_size=32, learning_rate=5e-3))


@cache
def teacher() -> Model:
    values, labels = waves(512, 0)
    options = {"widths": (32, 32), "sizes": (5, 5)}
    return pretrain(task(), values, labels, recipe=Recipe(options=options, epochs=8, learning_rate=5e-3)).model


@cache
def found() -> Fitted:
    values, labels = waves(512, 1)
    return fit(teacher(), ROOMY, values, labels, held_out=Windows(*waves(200, 2)), effort=EFFORT)


def test_what_is_returned_fits_and_is_what_was_judged() -> None:
    one, (values, labels) = found(), waves(200, 2)
    assert shortfalls(ROOMY, one.cost) == ()
    assert one.cost == cost(one.graph)
    assert one.accuracy == accuracy(run(one.graph, values), labels)
    assert one.base_accuracy == accuracy(logits(teacher(), values), labels)
    assert one.accuracy > one.base_accuracy - 0.1  # it did learn: chance is a third


def test_the_table_says_what_became_of_every_candidate() -> None:
    rows = found().rows
    large = [row for row in rows if row.cost.flash_bytes > ROOMY.flash_bytes]
    assert large and all(row.fate.startswith("too large: flash_bytes") and row.accuracy is None for row in large)
    assert len([row for row in rows if row.steps]) == EFFORT.candidates
    assert [row.int8_accuracy for row in rows if row.fate == "chosen"] == [found().accuracy]
    assert {row.steps for row in rows if row.fate.startswith("left behind")} <= {8, 24}
    assert any(row.fate == "fits, not tried" for row in rows)


def test_nothing_is_learned_from_the_windows_that_judge() -> None:
    """With other labels there, the nets are the same; only their ranks may change."""
    values, labels = waves(512, 1)
    one = Effort(candidates=1, steps=(8,), finalists=1, pace=EFFORT.pace)
    judging = waves(200, 2)
    first, second = (
        fit(teacher(), ROOMY, values, labels, held_out=Windows(judging[0], answers), effort=one)
        for answers in (judging[1], (judging[1] + 1) % 3)
    )
    assert first.graph == second.graph
    assert first.accuracy > 0.5 > second.accuracy


@pytest.mark.parametrize(
    ("limits", "resource"),
    [
        ({"flash_bytes": 2_000}, "flash_bytes"),
        ({"ram_bytes": 300}, "ram_bytes"),
        ({"latency_s": 1e-4}, "latency_s"),
        ({"operators": ("QLinearConv",)}, "operators"),
    ],
)
def test_when_nothing_fits_the_binding_limit_is_named_before_anything_is_trained(limits: dict, resource: str) -> None:
    steps: list[Step] = []
    with pytest.raises(Refused) as refused:
        fit(teacher(), replace(ROOMY, **limits), *waves(64, 1), effort=EFFORT, progress=steps.append)
    assert refused.value.reason is Reason.NOTHING_FITS
    assert refused.value.field == f"profile.{resource}"
    assert not steps


def test_the_refusal_says_what_the_nearest_net_needs_and_that_much_is_enough() -> None:
    with pytest.raises(Refused) as refused:
        fit(teacher(), replace(ROOMY, ram_bytes=300), *waves(64, 1), effort=EFFORT)
    needed = int(refused.value.remedy.split()[1])
    least = min(row.cost.ram_bytes for row in found().rows)
    assert needed == least


def test_progress_is_told_and_a_search_can_be_stopped() -> None:
    steps: list[Step] = []
    with pytest.raises(Cancelled):
        fit(teacher(), ROOMY, *waves(512, 1), effort=EFFORT, progress=steps.append, should_stop=lambda: bool(steps))
    assert [(step.done, step.total) for step in steps] == [(1, 5)]


def test_half_of_those_that_learned_go_on_and_of_equals_the_smaller() -> None:
    """Four copies of one net, told apart by their price alone."""
    values, labels = waves(64, 1)
    taught = lesson(teacher(), values, labels)
    layers = cnn(task(), widths=(4,), sizes=(3,))
    start = Model(task(), layers, initial_arrays(layers, (16, 3), 0))
    price = found().cost
    trying = [Runner(Row(str(bytes_), replace(price, flash_bytes=bytes_), ""), start) for bytes_ in (4, 1, 3, 2)]
    effort = replace(EFFORT, steps=(1, 1, 1))
    ranked = halved(trying, taught, Windows(*waves(50, 2)), effort, 0)
    assert [one.row.name for one in ranked] == ["1", "2", "3", "4"]
    assert [one.row.steps for one in ranked] == [3, 2, 1, 1]


def test_without_labels_a_student_learns_to_agree_with_its_teacher() -> None:
    values, _ = waves(512, 3)
    layers = cnn(task(), widths=(8,), sizes=(5,))
    start = Model(task(), layers, {**initial_arrays(layers, (16, 3), 0), **_input(teacher())})
    taught = lesson(teacher(), values, np.full(512, UNLABELLED, np.int32))
    answers = logits(teacher(), values).argmax(1)
    before, after = (
        accuracy(logits(model, values), answers) for model in (start, learn(start, taught, 320, EFFORT.pace, 0))
    )
    assert after > max(before, 0.7)
    assert learn(start, taught, 16, EFFORT.pace, 0).arrays.keys() == start.arrays.keys()


def test_a_regressions_student_speaks_in_its_tasks_units() -> None:
    asked = replace(task(), classes=(), outputs=(Channel("angle", "deg"),))
    layers = cnn(asked, widths=(8,), sizes=(5,))
    master, start = (small(asked, seed, layers) for seed in (0, 1))
    head = f"{len(layers) - 1}.bias"
    master, start = (replace(one, arrays={**one.arrays, head: np.full(1, 500, np.float32)}) for one in (master, start))
    values = waves(256, 0)[0]
    taught = lesson(master, values, np.full((256, 1), np.nan, np.float32))
    student = learn(start, taught, 160, EFFORT.pace, 0)
    assert accuracy(logits(student, values), logits(master, values)) > 0.5
    assert abs(logits(student, values).mean() - logits(master, values).mean()) < 1


@pytest.mark.parametrize("change", [{"candidates": 0}, {"finalists": 0}, {"steps": ()}, {"held_out_share": 1.0}])
def test_an_effort_of_nothing_is_refused(change: dict) -> None:
    with pytest.raises(Refused, match="effort"):
        Effort(**change)


def test_a_finalist_that_is_too_large_after_all_makes_way_for_the_next() -> None:
    """Their estimates said that both fit; what was quantized says otherwise of the first."""
    cheap = Row("", replace(found().cost, flash_bytes=1), "")
    ranked = [Runner(replace(cheap, name=name), net) for name, net in (("large", teacher()), ("small", found().model))]
    values, judging = waves(64, 1)[0], Windows(*waves(50, 2))
    large, small = (quantized("", one.model, ROOMY, values, judging).cost.flash_bytes for one in ranked)
    tight = replace(ROOMY, flash_bytes=(large + small) // 2)
    best, rows = decided(ranked, tight, values, judging, 1)
    assert best.name == "small" and best.missing == ()
    assert [row.fate for row in rows] == ["too large as int8: flash_bytes", "chosen"]
    with pytest.raises(Refused, match="flash_bytes: none of 1 nets fits"):
        decided(ranked[:1], tight, values, judging, 1)


def _input(model: Model) -> dict[str, np.ndarray]:
    return {name: model.arrays[name] for name in ("0.mean", "0.deviation")}
