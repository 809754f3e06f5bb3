"""The whole story once, as a newcomer without a recording runs it: real processes, real sockets, a simulated device."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.studies.demo.test_report import SUMMARY

SERVER = Path(sys.executable).parent / "slipway-server"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_story_ends_with_a_device_that_runs_alone(tmp_path: Path) -> None:
    command = [SERVER, "demo", "--out", tmp_path / "out", "--data", tmp_path, "--windows", "30000", "--json"]
    told = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    summary = json.loads(told.stdout)
    assert set(summary) >= SUMMARY
    assert summary["data"] == "simulated" and "simulated" in told.stderr
    assert summary["offline_ok"]
    assert summary["unsupervised"] >= summary["zero_shot"] - 0.005
    assert abs(summary["int8_accuracy"] - summary["float_accuracy"]) <= 0.01  # of some 2,000 windows, chance included
    assert (tmp_path / "out" / "report.html").stat().st_size > 10_000
