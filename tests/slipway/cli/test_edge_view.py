"""What ``slipway edge status`` says of a device, for people and for programs."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from slipway.cli.edge_view import as_values, rows
from slipway.edge import moves
from slipway.edge.report import Sums
from slipway.edge.state import Candidate, Installed, State
from slipway.edge.store import Store
from slipway.errors import Reason, Refused
from tests.slipway.cli.command import Run

ONE = Installed("models/rover/versions/1", "1" * 64, 4)
TWO = Installed("models/rover/versions/2", "2" * 64, 5, delta_bytes=612, since_s=1e9)
SUMS = Sums(40, 40, 36.0, 34.0, 10, 9, 7, 2, 0.04, 0.02)
REFUSAL = Refused(Reason.HEALTH_GATE, field="version", name="models/rover/versions/3", problem="it crashes")


def device() -> State:
    state = moves.passed(moves.installed(State("porch"), ONE))
    state = moves.installed(state, TWO)
    state = moves.staged(state, Candidate("models/rover/rollouts/3", Installed("models/rover/versions/4", "4" * 64, 5)))
    state = moves.filed(state, TWO.version, "models/rover/rollouts/3", SUMS, 0.25)
    return moves.refused(state, Installed("models/rover/versions/3", "3" * 64, 5), REFUSAL, forever=True)


def words(state: State, notes: dict[str, object] | None = None) -> str:
    return "\n".join(f"{name} {value}" for name, value in rows(state, notes or {}, True))


def test_it_says_what_runs_and_what_runs_beside() -> None:
    found = words(device())
    assert "current models/rover/versions/2" in found and "by a delta of 612 bytes" in found and "since 2001" in found
    assert "trial on trial" in found and "previous models/rover/versions/1" in found
    assert "candidate models/rover/versions/4" in found and "models/rover/rollouts/3" in found
    for name, candidate, current in [
        ("confidence", "0.900", "0.850"),
        ("right answers", "9", "7"),
        ("computing", "1.00 ms", "0.50 ms"),
    ]:
        (line,) = [line for line in found.splitlines() if name in line]
        assert line.index(candidate) < line.index(current)
    assert "of 42" in found, "windows that both answered and two that the candidate did not"
    assert "drift 0.2  as at home" in found
    assert "1 on health" in found and "it crashes" in found


def test_a_drift_to_look_at_says_so_and_why() -> None:
    assert "look at it: acc_z: level +2.3 sd" in words(device(), {"drift": 1.4, "cause": "acc_z: level +2.3 sd"})


def test_a_version_that_stood_its_trial_and_one_whose_starts_do_not_end_well() -> None:
    assert "trial passed" in words(moves.passed(device()))
    assert "2 of 3 starts did not end well" in words(replace(device(), starts={TWO.sha256: 2}))


def test_programs_get_all_of_it() -> None:
    found = json.loads(json.dumps(as_values(device(), {}, False)))
    assert found["on_trial"] is True and found["in_use"] is False and found["drift"] == 0.25
    assert found["candidate"]["sums"]["failures"] == 2 and found["healths"][0]["sequence"] == 1


def test_refusals_are_forgotten_when_somebody_says_so(run: Run, tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.locked():
        store.write(device())
    assert run("edge", "status", "--folder", tmp_path, "--json").json["refused"] != {}
    assert run("edge", "forget-refusals", "--folder", tmp_path, "--json").json["refused"] == {}
    with store.locked():
        assert "another agent" in run("edge", "forget-refusals", "--folder", tmp_path).err


@pytest.mark.parametrize("user", ["", "porch"])
def test_a_unit_is_printed(run: Run, user: str) -> None:
    done = run("edge", "systemd", "--model", "rover", "--user-name", user, "--program", "/usr/bin/slipway")
    assert "ExecStart=/usr/bin/slipway edge run --model rover" in done.out
    assert ("User=porch" in done.out) == bool(user)
