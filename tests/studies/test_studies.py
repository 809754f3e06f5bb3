"""The studies' table, and what they say without data."""

import os
import subprocess
import sys
from pathlib import Path

from studies.__main__ import main, table


def test_the_table_gives_mean_and_deviation_over_the_seeds() -> None:
    rows = {"zero_shot": [{"accuracy": 0.5, "macro_f1": 0.4}, {"accuracy": 0.7, "macro_f1": 0.4}]}
    assert "| zero_shot | 60.00 ± 10.00 | 40.00 ± 0.00 |" in table(rows)


def test_an_unknown_study_is_named() -> None:
    assert main(["moon"]) == 2


def test_without_a_recording_a_study_is_skipped_and_says_so(tmp_path: Path) -> None:
    environment = {**os.environ, "SLIPWAY_DATA": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-m", "studies", "rover"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0
    assert "skipped, no data" in done.stdout
    assert not (tmp_path / "out" / "studies").exists()
