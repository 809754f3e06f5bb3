"""The command ``slipway-server``: it starts without JAX, says where it listens, and stops in good order."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from slipway.client import connect
from tests.slipway.server import ROOT

COMMAND = (sys.executable, "-c", "from service.cli import main; main()")


def run(*arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [*COMMAND, *map(str, arguments)]
    settings = {**os.environ, "COLUMNS": "100", **environment}
    return subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("words", [(), ("serve",), ("demo",), ("data", "list"), ("data", "fetch")])
def test_every_command_explains_itself(words: tuple[str, ...]) -> None:
    done = run(*words, "--help")
    assert done.returncode == 0 and f"Example: slipway-server {' '.join(words)}".strip() in done.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_listens_and_stops_in_good_order(tmp_path: Path, number: signal.Signals) -> None:
    place = ["serve", "--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0", "--workers", "0", "--json"]
    with subprocess.Popen(
        [*COMMAND, *place], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout is not None
        with connect(json.loads(server.stdout.readline())["address"]) as client:
            assert list(client.datasets.list()) == []
        second = run(*place)
        server.send_signal(number)
        assert server.wait(60) == 0
    assert second.returncode == 1
    assert json.loads(second.stdout)["error"]["reason"] == "DATA_FOLDER_BUSY"
    assert "→" in second.stderr and "Traceback" not in second.stderr


def test_a_setting_that_does_not_fit_is_wrong_usage(tmp_path: Path) -> None:
    done = run("serve", "--data", tmp_path, SLIPWAY_SERVER_WORKER_COUNT="many")
    assert done.returncode == 2 and "WORKER_COUNT" in done.stderr


def test_serving_loads_no_trainer() -> None:
    words = "import sys, service.cli, service.server; print({'jax', 'flax', 'sim', 'nets', 'onnx'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", words], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr


def test_recordings_are_listed_with_their_licence_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    listed = json.loads(run("data", "list", "--json").stdout)
    assert {"name", "url", "licence"} == set(listed[0])
    assert listed[0]["name"] in run("data", "list").stdout
    done = run("data", "fetch", "unicorn", "--to", tmp_path, "--json")
    assert done.returncode == 1 and listed[0]["name"] in json.loads(done.stdout)["error"]["remedy"]
    assert list(tmp_path.iterdir()) == []
