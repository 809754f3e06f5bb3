"""The studies' table, and what they say without data."""

import os
import subprocess
import sys
from pathlib import Path

from studies.run import table


def study(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SLIPWAY_DATA": str(folder), "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-m", "studies", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_the_table_gives_mean_and_deviation_over_the_seeds() -> None:
    rows = {"zero_shot": [{"accuracy": 0.5, "macro_f1": 0.4}, {"accuracy": 0.7, "macro_f1": 0.4}]}
    assert "| `zero_shot` | 60.00 ± 10.00 | 40.00 ± 0.00 |" in table(rows)


def test_a_score_that_a_row_lacks_is_a_dash() -> None:
    rows = {"seconds_1": [{"r2": 0.5, "r2_torque_1": 0.25}], "supervised": [{"r2": 0.75}]}
    assert table(rows).splitlines()[2:] == ["| `seconds_1` | 0.500 ± 0.000 | 0.250 ± 0.000 |",
                                            "| `supervised` | 0.750 ± 0.000 | – |"]  # fmt: skip


def test_an_unknown_study_is_named(tmp_path: Path) -> None:
    done = study(tmp_path, "moon")
    assert done.returncode == 2
    assert "moon" in done.stdout and "rover" in done.stdout


def test_without_a_recording_a_study_is_skipped_and_says_so(tmp_path: Path) -> None:
    done = study(tmp_path, "rover")
    assert done.returncode == 0
    assert "skipped, no data" in done.stdout
    assert not (tmp_path / "out" / "studies").exists()
