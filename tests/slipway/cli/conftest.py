"""Runs the command line as a user meets it."""

import json
import signal
import sys
from pathlib import Path

import pytest

from slipway.cli import main as command_line
from slipway.spec import sensor_to_json
from tests.slipway.cli.command import Done, Run
from tests.slipway.edge.bundles import SENSOR
from tests.slipway.server import Server


@pytest.fixture
def run(server: Server, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs ``slipway …`` against the server."""
    monkeypatch.setenv("SLIPWAY_SERVER", server.address)
    monkeypatch.setenv("COLUMNS", "120")
    before = signal.getsignal(signal.SIGINT)

    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["slipway", *map(str, arguments)])
        try:
            command_line.main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            signal.signal(signal.SIGINT, before)
        found = capfd.readouterr()
        return Done(code, found.out, found.err)

    return run


@pytest.fixture
def sensor_file(tmp_path: Path) -> Path:
    path = tmp_path / "sensor.json"
    path.write_text(json.dumps(sensor_to_json(SENSOR)))
    return path
