"""A candidate beside the version that answers: it is compared, and whatever it does, the answers stay the same."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from slipway.edge import agent as agents
from slipway.edge import pauses
from slipway.edge import shadow as shadows
from slipway.edge.agent import Agent
from slipway.edge.answer import look, said
from slipway.edge.health import Limits
from slipway.edge.install import Installer
from slipway.edge.report import Sums
from tests.slipway.edge.bundles import WINDOW, bundle
from tests.slipway.edge.conftest import Events
from tests.slipway.edge.repository import Repository, Served
from tests.slipway.edge.test_agent import until
from tests.slipway.edge.test_install import files
from tests.slipway.edge.test_kill import Edge

Make = Callable[..., Installer]
REPORT_S = 0.05
LIMITS = Limits(answer_s=1.0)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pauses, "RETRY_LIMIT_S", 0.05)
    monkeypatch.setattr(agents, "LOOK_S", 0.02)
    monkeypatch.setattr(shadows, "WINDOWS_PER_S", 1e9)
    monkeypatch.setattr(shadows, "PAUSE_S", 0.01)


@contextmanager
def running(installer: Installer) -> Iterator[Agent]:
    agent = Agent(installer, random=lambda: 0.0, poll_s=600.0, report_s=REPORT_S, limits=LIMITS)
    agent.start()
    try:
        yield agent
    finally:
        agent.stop()


def ask(agent: Agent, label: str | None = None) -> str:
    """Answer a window as the command line does; returns the class."""
    with agent.monitor.answering():
        seen = look(WINDOW, agent.live(), label=label)
    agent.monitor.saw(seen)
    found: str = said(seen)["class"]
    return found


def beside(agent: Agent, events: Events, count: int = 1) -> int:
    """Wait until the candidate runs for the ``count``-th time; returns its process."""
    until(lambda: [event for event, _ in events].count("shadow_started") == count)
    until(lambda: agent.shadow._process is not None)
    process = agent.shadow._process
    assert process is not None
    return process.pid


def compared(repository: Repository) -> Sums:
    """What all reports say together."""
    found = [health.comparison for health in repository.healths if health.HasField("comparison")]
    return sum(
        (
            Sums(
                both=one.window_count,
                feedback=one.feedback_count,
                right=one.right_count,
                right_before=one.right_count_before,
                failures=one.failure_count,
            )
            for one in found
        ),
        Sums(),
    )


@pytest.fixture
def rolling(installer: Make, repository: Repository) -> Iterator[Agent]:
    """An agent with version 1, whose server asks for version 2 beside it."""
    repository.publish("models/rover", 1, bundle(1))
    repository.rehearse("models/rover", 2, bundle(2), rollout=7)
    with running(installer()) as agent:
        yield agent


def test_both_see_the_same_windows_and_one_answers(rolling: Agent, repository: Repository, events: Events) -> None:
    beside(rolling, events)
    assert {ask(rolling, "even") for _ in range(6)} == {"odd"}
    until(lambda: compared(repository).both == 6)
    assert compared(repository) == Sums(both=6, feedback=6, right=6, right_before=0)
    (one, *_) = [health for health in repository.healths if health.HasField("comparison")]
    assert one.version == "models/rover/versions/1" and one.comparison.rollout == "models/rover/rollouts/7"
    assert one.comparison.confidence == pytest.approx(0.731059, abs=1e-5)
    assert one.comparison.confidence_before == pytest.approx(0.731059, abs=1e-5)
    assert 0 < one.comparison.latency_seconds < 0.1 and 0 < one.comparison.latency_seconds_before < 0.1
    assert sum(health.window_count for health in repository.healths) == 6
    sequences = [health.sequence for health in repository.healths]
    assert sequences == sorted(set(sequences))
    assert repository.devices[-1] == rolling.installer.state.device_id


def test_a_candidate_that_fails_its_self_test_is_refused_and_nothing_else(
    installer: Make, repository: Repository, events: Events
) -> None:
    repository.publish("models/rover", 1, bundle(1))
    with running(installer()) as agent:
        agent.live()
        bad = repository.rehearse("models/rover", 2, bundle(2, fault=1.0))
        until(lambda: any(report.reason == "SELF_TEST_FAILED" for report in repository.reports))
        assert repository.reports[-1].state == 2 and repository.reports[-1].version == "models/rover/versions/2"
        assert ask(agent) == "odd"
        count = len(repository.downloads)
        repository.rehearse("models/rover", 2, bundle(2, fault=1.0), rollout=2)
        until(lambda: repository.reports[-1].reason == "VERSION_REFUSED_BEFORE")
        assert len(repository.downloads) == count and bad in agent.installer.state.refused
        assert not any(event == "shadow_started" for event, _ in events)
        good = repository.rehearse("models/rover", 4, bundle(4), rollout=3)
        beside(agent, events)
        assert good in files(agent.installer)


def test_a_candidate_that_crashes_counts_failures_and_is_started_again(
    rolling: Agent, repository: Repository, events: Events
) -> None:
    os.kill(beside(rolling, events), signal.SIGSEGV)
    until(lambda: ask(rolling) == "odd" and compared(repository).failures >= 1)
    until(lambda: ask(rolling) == "odd" and [event for event, _ in events].count("shadow_started") == 2)
    before = compared(repository).both
    until(lambda: ask(rolling) == "odd" and compared(repository).both > before)


def test_a_candidate_that_hangs_delays_no_answer(rolling: Agent, repository: Repository, events: Events) -> None:
    os.kill(beside(rolling, events), signal.SIGSTOP)
    start = time.monotonic()
    assert {ask(rolling) for _ in range(100)} == {"odd"}
    assert time.monotonic() - start < LIMITS.answer_s / 2, "nobody waited for it"
    until(lambda: compared(repository).failures >= 1)
    until(lambda: ask(rolling) == "odd" and [event for event, _ in events].count("shadow_started") == 2)


def test_a_candidate_that_leaves_windows_unanswered_is_told(
    installer: Make, repository: Repository, events: Events
) -> None:
    repository.publish("models/rover", 1, bundle(1))
    repository.rehearse("models/rover", 2, bundle(2, front="Sqrt"))
    with running(installer()) as agent:
        beside(agent, events)
        seen = look([[-1.0, -1.0]] * 3, agent.live())
        agent.monitor.saw(seen)
        until(lambda: compared(repository).failures == 1)


def test_when_the_channel_moves_to_it_the_slots_swap_without_a_download(
    rolling: Agent, repository: Repository, events: Events
) -> None:
    pid = beside(rolling, events)
    ask(rolling)
    count = len(repository.downloads)
    repository.end_rollout("models/rover")
    repository.publish("models/rover", 2, bundle(2))
    until(lambda: rolling.live().version.version == "models/rover/versions/2")
    assert ask(rolling) == "even"
    assert len(repository.downloads) == count
    until(lambda: rolling.installer.state.candidate is None and not alive(pid))


def test_when_another_version_answers_it_is_compared_with_that(
    rolling: Agent, repository: Repository, events: Events
) -> None:
    first = beside(rolling, events)
    ask(rolling)
    until(lambda: compared(repository).both == 1)
    repository.publish("models/rover", 3, bundle(3))
    until(lambda: rolling.live().version.version == "models/rover/versions/3")
    ask(rolling)
    until(lambda: compared(repository) == Sums(both=2))
    assert repository.healths[-1].version == "models/rover/versions/3"
    assert beside(rolling, events, 2) != first and not alive(first)


def test_when_the_rollout_ends_its_slot_is_empty(rolling: Agent, repository: Repository, events: Events) -> None:
    pid = beside(rolling, events)
    repository.end_rollout("models/rover")
    until(lambda: rolling.installer.state.candidate is None and not alive(pid))
    until(lambda: len(files(rolling.installer)) == 1)
    assert ask(rolling) == "odd"


def test_after_a_restart_it_runs_on_without_a_server(
    installer: Make, repository: Repository, served: Served, events: Events
) -> None:
    repository.publish("models/rover", 1, bundle(1))
    repository.rehearse("models/rover", 2, bundle(2))
    with running(installer()) as agent:
        beside(agent, events)
    served.stop()
    with running(installer()) as agent:
        beside(agent, events, 2)
        ask(agent)
        until(lambda: agent.installer.state.healths != () and agent.installer.state.healths[-1].comparison is not None)
        served.start()
        until(lambda: compared(repository).both == 1)


def test_a_candidate_comes_as_what_changed(installer: Make, repository: Repository, events: Events) -> None:
    first = repository.publish("models/rover", 1, bundle(1, ballast=20_000))
    second = repository.rehearse("models/rover", 2, bundle(2, ballast=20_000))
    delta = repository.change(second, first).target.sha256
    with running(installer()) as agent:
        beside(agent, events)
        assert [sha256 for sha256, _ in repository.downloads] in ([first, delta], [first, second])
        candidate = agent.installer.state.candidate
        assert candidate is not None and candidate.version.sha256 == second


@pytest.mark.parametrize(
    "change",
    [
        {"version": "models/lander/versions/2"},
        {"version": "../../x"},
        {"rollout": "models/lander/rollouts/1"},
        {"rollout": "x" * 100_000},
    ],
    ids=["another model", "no version", "another rollout", "no rollout"],
)
def test_a_candidate_that_cannot_be_true_changes_nothing(
    installer: Make, repository: Repository, events: Events, change: dict[str, str]
) -> None:
    repository.publish("models/rover", 1, bundle(1))
    repository.rehearse("models/rover", 2, bundle(2))
    for key, value in change.items():
        setattr(repository.candidates["models/rover", "stable"], key, value)
    device = installer()
    asked = []
    device.rehearse = asked.append
    assert device.update()
    assert asked == [None] and len(repository.downloads) == 1
    assert [event for event, _ in events if "candidate" in event] == ["candidate_refused"]


def test_nobody_fetches_a_candidate_to_run_it_nowhere(installer: Make, repository: Repository) -> None:
    repository.publish("models/rover", 1, bundle(1))
    repository.rehearse("models/rover", 2, bundle(2))
    device = installer()
    device.update()
    assert len(repository.downloads) == 1 and device.state.candidate is None


def test_its_process_ends_with_a_killed_agent(
    repository: Repository, folder: Path, command: list[str], served: Served
) -> None:
    repository.publish("models/rover", 1, bundle(1))
    repository.rehearse("models/rover", 2, bundle(2))
    edge = Edge([*command, "--report-every", "1"])
    edge.ask()
    until(lambda: children(edge.process.pid) != [])
    until(lambda: edge.ask()["class"] == "odd" and compared(repository).both > 0)
    (child,) = children(edge.process.pid)
    edge.kill()
    until(lambda: not alive(child))
    status = subprocess.run(
        [*command[:4], "status", "--folder", str(folder)], capture_output=True, text=True, check=True
    )
    assert "models/rover/versions/2" in status.stdout and "candidate" in status.stdout
    state = json.loads((folder / "state.json").read_text())
    assert state["candidate"]["rollout"] == "models/rover/rollouts/1"


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()] or list(map(int, found))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except FileNotFoundError:
        return False
