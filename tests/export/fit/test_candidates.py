"""Which nets are tried: what they share with the base, and in which order."""

import numpy as np
import pytest

from export.fit.candidates import Candidate, afresh, beginning, candidates, front_of, pruned, varied
from nets.architectures import ARCHITECTURES, cnn, mlp
from nets.front import with_correction
from nets.layers import Correct, Dense, Flatten, Layers, Normalize, Relu
from nets.model import Model, parameter_count
from slipway.spec import Channel, SensorSpec, TaskSpec
from tests.nets.models import small
from tests.nets.tasks import task, waves

RING = TaskSpec("ring", SensorSpec(tuple(Channel(f"c{i}", "m") for i in range(24)), 10.0, 1), ("left", "right"))
SOUND = TaskSpec("sound", SensorSpec((Channel("sound", "1"),), 8_000.0, 2_000), ("yes", "no"))
VECTOR = TaskSpec("turn", SensorSpec(tuple(Channel(f"a_{x}", "m/s2") for x in "xyz"), 50.0, 32), ("up", "down"))


def base(asked: TaskSpec, front: str = "auto") -> Model:
    return small(asked, layers=cnn(asked, widths=(16, 16), sizes=(1, 3), front=front))


def families(found: list[Candidate] | tuple[Candidate, ...]) -> dict[str, list[Candidate]]:
    grouped: dict[str, list[Candidate]] = {}
    for one in found:
        grouped.setdefault(one.family, []).append(one)
    return grouped


@pytest.mark.parametrize(("asked", "front"), [(task(), "raw"), (RING, "raw"), (SOUND, "log_mel"), (VECTOR, "gravity")])
def test_every_candidate_sees_what_the_base_sees(asked: TaskSpec, front: str) -> None:
    teacher = base(asked, front)
    count = beginning(teacher.layers)
    found = list(afresh(teacher, 0))
    assert {one.family.split(",")[0] for one in found} == {"cnn", "ds_cnn", *(["mlp"] if asked != SOUND else [])}
    for one in found:
        assert one.start.layers[:count] == teacher.layers[:count]
        for name in (f"{count - 1}.mean", f"{count - 1}.deviation"):
            np.testing.assert_array_equal(one.start.arrays[name], teacher.arrays[name])


def test_a_corrected_base_gives_corrected_candidates_with_its_correction() -> None:
    teacher = with_correction(base(VECTOR, "norms"))
    turned = {**teacher.arrays, "0.matrix": 2 * teacher.arrays["0.matrix"]}
    teacher = Model(teacher.task, teacher.layers, turned)
    assert front_of(teacher) == "norms"
    for one in afresh(teacher, 0):
        assert one.start.layers[0] == Correct()
        np.testing.assert_array_equal(one.start.arrays["0.matrix"], turned["0.matrix"])


def test_families_go_from_the_largest_to_the_smallest() -> None:
    asked = TaskSpec("toy", task().sensor, task().classes)
    teacher = small(asked, layers=cnn(asked, widths=(32, 64), sizes=(5, 5)))
    found = families(candidates(teacher, waves(16, 0)[0]))
    assert len(found) >= 5
    for members in found.values():
        sizes = [parameter_count(one.start) for one in members]
        assert sizes == sorted(sizes, reverse=True)
        assert len({one.name for one in members}) == len(members) > 1


def test_pruned_candidates_begin_with_the_bases_numbers() -> None:
    teacher = small(task(), layers=cnn(task(), widths=(16, 16), sizes=(3, 3)))
    (*_, smallest) = pruned(teacher, waves(16, 0)[0])
    columns = {tuple(column) for column in teacher.arrays["1.kernel"].reshape(-1, 16).T.tolist()}
    assert {tuple(column) for column in smallest.start.arrays["1.kernel"].reshape(-1, 4).T.tolist()} < columns


def test_a_front_without_a_name_leaves_the_pruned_base_alone() -> None:
    strange: Layers = (Flatten(), Normalize(), Dense(8), Relu(), Dense(3))
    teacher = small(task(), layers=strange)
    assert front_of(teacher) is None
    assert {one.family for one in candidates(teacher, waves(16, 0)[0])} == {"pruned"}


def test_a_base_whose_channels_cannot_leave_is_still_a_teacher() -> None:
    teacher = small(task(), layers=(*mlp(task(), widths=())[:-1], Dense(3)))
    assert {one.family.split(",")[0] for one in candidates(teacher, waves(16, 0)[0])} == set(ARCHITECTURES)


def test_few_candidates_are_the_largest_of_each_family() -> None:
    model = small()
    found = [Candidate(f"{family}{size}", family, model) for family in "abc" for size in (3, 2, 1)]
    assert [one.name for one in varied(found, 4)] == ["a3", "b3", "c3", "a2"]
    assert [one.name for one in varied(found[:4], 9)] == ["a3", "b3", "a2", "a1"]
    assert varied(found, 0) == []
