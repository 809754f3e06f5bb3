"""What a policy does next: every phase, from facts alone."""

from dataclasses import replace

import pytest

from service.domain import JobState
from service.loop.policy import HOUR_US, LONGEST_PAUSE_US, Phase, Policy, Progress, Settings, failed, moved, rested
from service.loop.steps import Adapt, Export, Facts, JobFacts, Propose, Rest, RollOut, Step, Wake, next_step

SETTINGS = Settings(target="field", device_count=3)
WATCHING = Policy("m", SETTINGS, Phase.WATCHING)
ROUND = Progress(round=1, base=1, job_id="j1", window_count=10)
DRIFT = Facts(channel=1, drifting=3, window_count=10)
MADE = JobFacts(JobState.SUCCEEDED, version=2, promoted=True)


def at(phase: Phase, **progress: object) -> Policy:
    return Policy("m", SETTINGS, phase, replace(ROUND, **progress))  # type: ignore[arg-type]


CASES: dict[str, tuple[Policy, Facts, Step | None]] = {
    "drift begins a round": (WATCHING, DRIFT, Adapt(1)),
    "too few devices": (WATCHING, replace(DRIFT, drifting=2), None),
    "nothing to adapt to": (WATCHING, replace(DRIFT, window_count=0), None),
    "nothing new since the last round": (at(Phase.WATCHING), DRIFT, None),
    "more windows than then": (at(Phase.WATCHING), replace(DRIFT, window_count=11), Adapt(1)),
    "no channel": (WATCHING, replace(DRIFT, channel=None), None),
    "somebody rolls out by hand": (WATCHING, replace(DRIFT, is_busy=True), None),
    "switched off": (replace(WATCHING, phase=Phase.DISABLED), DRIFT, None),
    "the job runs": (at(Phase.ADAPTING), replace(DRIFT, job=JobFacts(JobState.RUNNING)), None),
    "the gate promoted": (at(Phase.ADAPTING), replace(DRIFT, job=MADE), Export(2)),
    "exported": (at(Phase.EXPORTING, version=2), replace(DRIFT, job=MADE, has_bundle=True), Propose(2)),
    "proposed": (at(Phase.PROPOSED, version=2), DRIFT, RollOut(2)),
    "proposed while another rollout goes on": (at(Phase.PROPOSED, version=2), replace(DRIFT, is_busy=True), None),
    "proposed and not signed yet": (at(Phase.PROPOSED, version=2), replace(DRIFT, is_signed=False), None),
    "rolling out": (at(Phase.ROLLING_OUT, version=2), DRIFT, None),
    "rolled out, and the channel points there": (
        at(Phase.ROLLING_OUT, version=2),
        replace(DRIFT, channel=2, rollout_end="it completed"),
        Rest("it completed"),
    ),
    "rested": (at(Phase.RESTING), DRIFT, Wake()),
    "moved by hand while it adapts": (
        at(Phase.ADAPTING),
        replace(DRIFT, channel=5),
        Rest("the channel stable was moved meanwhile", cancel=True),
    ),
    "the job is gone": (at(Phase.ADAPTING), DRIFT, Rest("its job is gone")),
}


@pytest.mark.parametrize(("policy", "facts", "step"), CASES.values(), ids=CASES.keys())
def test_each_phase_has_its_step(policy: Policy, facts: Facts, step: Step | None) -> None:
    assert next_step(policy, facts, 0) == step


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (JobFacts(JobState.FAILED, why="no windows"), "failed: no windows"),
        (JobFacts(JobState.CANCELLED), "cancelled"),
        (JobFacts(JobState.SUCCEEDED, 0, False, "no symptom"), "kept the base: no symptom"),
        (JobFacts(JobState.SUCCEEDED, 2, False, "made for comparison"), "kept the base"),
    ],
)
def test_only_what_the_gate_promotes_goes_on(job: JobFacts, words: str) -> None:
    step = next_step(at(Phase.ADAPTING), replace(DRIFT, job=job), 0)
    assert isinstance(step, Rest) and words in step.why


def test_a_rest_lasts_its_hours() -> None:
    resting = rested(at(Phase.ADAPTING), 1000)
    assert next_step(resting, DRIFT, 999 + 24 * HOUR_US) is None
    assert next_step(resting, DRIFT, 1000 + 24 * HOUR_US) == Wake()


def test_pauses_after_failures_grow_up_to_a_day_and_end_with_a_success() -> None:
    policy, pauses = WATCHING, []
    for _ in range(40):
        policy = failed(policy, 0)
        pauses.append(policy.progress.wait_us)
        assert next_step(policy, DRIFT, policy.progress.wait_us - 1) is None
    assert pauses[:3] == [60_000_000, 120_000_000, 240_000_000]
    assert pauses == sorted(pauses) and pauses[-1] == LONGEST_PAUSE_US
    assert moved(policy, Phase.ADAPTING).progress.failure_count == 0
