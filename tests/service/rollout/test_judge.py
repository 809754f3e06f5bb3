"""Rollouts of simulated fleets: the bad are stopped in their first stage, the good arrive."""

import json
from dataclasses import replace

import pytest

from service.rollout.health import Health
from service.rollout.judge import Rollout, Verdict, begin, settled, short_of_devices, superseded, told
from service.rollout.plan import Plan, newcomers, takes_part
from service.rollout.stored import judged_from_json, judged_to_json, plan_from_json, plan_to_json
from slipway.errors import Refused
from tests.service.rollout.fleets import BAD, GOOD, Candidate, reports

DEVICES, FLEETS, REPORT_LIMIT = 200, 100, 5_000
FINE = Health("device-1", 100, 0.9, 0.9)


def rolled_out(candidate: Candidate, seed: int) -> Rollout:
    rollout = begin(Plan(f"rollout-{seed}"))

    def wanted(device: str) -> bool:
        return takes_part(rollout.plan, rollout.stage, device)

    for _, health in zip(range(REPORT_LIMIT), reports(candidate, DEVICES, seed, wanted), strict=False):
        rollout = told(rollout, health)
        if rollout.verdict is not Verdict.RUNNING:
            break
    return rollout


@pytest.mark.parametrize("name", BAD)
def test_a_bad_candidate_is_stopped_in_its_first_stage(name: str) -> None:
    ended = [rolled_out(BAD[name], seed) for seed in range(FLEETS)]
    assert sum(one.verdict is Verdict.ABORTED and one.stage == 0 for one in ended) >= 99


def test_a_good_candidate_arrives() -> None:
    ended = [rolled_out(GOOD, seed) for seed in range(FLEETS)]
    assert sum(one.verdict is Verdict.COMPLETED for one in ended) >= 99


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("accuracy 20 points lower", "worse"),
        ("three times as slow", "too long"),
        ("one window in three lost", "without"),
    ],
)
def test_the_reason_names_what_was_bad(name: str, words: str) -> None:
    assert words in rolled_out(BAD[name], 0).reason


def test_without_its_alarms_a_bad_candidate_is_held_but_never_passed_on() -> None:
    """The passes alone keep it where it is: two locks, and each holds."""
    rollout = begin(Plan("deaf", error=0.005))
    for _, health in zip(range(5000), reports(BAD["accuracy 20 points lower"], DEVICES, 0), strict=False):
        rollout = replace(told(rollout, health), alarms=rollout.alarms)
    assert (rollout.verdict, rollout.stage) == (Verdict.RUNNING, 0)


def test_what_went_well_before_hides_nothing() -> None:
    """A candidate that fails in its last stage is stopped there about as soon as one that fails at once."""

    def reports_until_stopped(rollout: Rollout, health: Health) -> int:
        count = 0
        while rollout.verdict is Verdict.RUNNING:
            rollout, count = told(rollout, health), count + 1
        assert rollout.verdict is Verdict.ABORTED
        return count

    plan = Plan("late", stages=(0.999, 1.0), report_count=500)
    passed = begin(plan)
    while passed.stage == 0:
        for device in range(3):
            passed = told(passed, replace(FINE, device_id=f"device-{device}", confidence=0.95))
    bad = replace(FINE, confidence=0.7)
    late, at_once = reports_until_stopped(passed, bad), reports_until_stopped(begin(plan), bad)
    assert abs(late - at_once) <= 2 and at_once < 100


@pytest.mark.parametrize(
    ("brought", "stage", "verdict"),
    [
        ((0, 0, 0), 0, Verdict.RUNNING),  # nobody is known yet
        ((0, 2, 5), 1, Verdict.RUNNING),
        ((0, 0, 1), 2, Verdict.RUNNING),
        ((1, 0, 0), 0, Verdict.RUNNING),
    ],
)
def test_a_stage_that_brings_nobody_is_passed_over(brought: tuple[int, ...], stage: int, verdict: Verdict) -> None:
    settling = settled(begin(Plan("few")), brought)
    assert (settling.stage, settling.verdict) == (stage, verdict)
    assert settled(settling, brought) == settling


def test_a_fleet_of_one_is_enough_for_itself_but_for_no_larger_fleet() -> None:
    plan = Plan("one")
    only = next(f"device-{n}" for n in range(1000) if takes_part(plan, 0, f"device-{n}"))
    rollout = begin(plan)
    for _ in range(500):
        rollout = told(rollout, replace(FINE, device_id=only, confidence=0.95))
    assert short_of_devices(rollout) and rollout.stage == 0
    assert settled(rollout, (5, 3, 9)).stage == 0
    assert settled(rollout, (1, 3, 9)).stage == 1
    assert settled(rollout, (1, 0, 9)).stage == 2
    assert settled(rollout, newcomers(plan, [only])).verdict is Verdict.COMPLETED


def test_what_is_stored_is_read_back_to_the_last_bit() -> None:
    rollout = begin(Plan("stored", stages=(0.2, 1.0)))
    for _, health in zip(range(400), reports(GOOD, DEVICES, 3), strict=False):
        rollout = told(rollout, health)
        document = json.loads(json.dumps({"plan": plan_to_json(rollout.plan), "judged": judged_to_json(rollout)}))
        read = judged_from_json(plan_from_json(document["plan"]), document["judged"])
        assert read == rollout
        rollout = read


def test_a_stage_waits_for_enough_devices() -> None:
    plan = Plan("one voice", stages=(1.0,), device_count=2)
    rollout = begin(plan)
    for _ in range(500):
        rollout = told(rollout, FINE)
    assert rollout.verdict is Verdict.RUNNING
    assert told(rollout, replace(FINE, device_id="device-2")).verdict is Verdict.COMPLETED


def test_a_device_that_does_not_take_part_moves_nothing() -> None:
    plan = Plan("first", stages=(0.05, 1.0))
    outside = next(f"device-{n}" for n in range(100) if not takes_part(plan, 0, f"device-{n}"))
    assert told(begin(plan), replace(FINE, device_id=outside)) == begin(plan)


def test_a_newer_rollout_ends_a_stuck_one_and_nothing_moves_it_again() -> None:
    ended = superseded(begin(Plan("old", stages=(1.0,))), "rollouts/new began")
    assert (ended.verdict, ended.reason) == (Verdict.SUPERSEDED, "rollouts/new began")
    assert told(ended, FINE) == ended == superseded(ended, "rollouts/newer began")


def test_a_candidate_that_answers_nothing_has_lost_everything() -> None:
    assert Health("d", 0, 0.0, 0.9, failures=10).gain == -1


def test_away_from_home_only_told_answers_count() -> None:
    unsure = Health("d", 100, 0.5, 0.9, away=True)
    assert unsure.gain == 0 and replace(unsure, away=False).gain == pytest.approx(-0.4)
    assert replace(unsure, feedback=10, right=9, right_before=1).gain == pytest.approx(0.8)


@pytest.mark.parametrize(
    "wrong",
    [{"confidence": 1.5}, {"windows": -1}, {"feedback": 101}, {"feedback": 5, "right": 6}, {"latency_s": float("nan")}],
)
def test_numbers_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(Refused) as refused:
        replace(FINE, **wrong)
    assert refused.value.field.startswith("health.")
