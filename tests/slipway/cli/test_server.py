"""The command ``slipway-server``: it starts without JAX, says where it listens, and stops in good order."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from service.world_cli import app as world_app
from slipway.client import connect
from slipway.errors import Refused
from tests.slipway.server import ROOT

COMMAND = (sys.executable, "-c", "from service.cli import main; main()")


def run(*arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [*COMMAND, *map(str, arguments)]
    settings = {**os.environ, "COLUMNS": "100", **environment}
    return subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=60)


WORDS = [(), ("serve",), ("demo",), ("litert",), ("data", "list"), ("data", "fetch")]
WORLD_WORDS = [("world", "list"), ("world", "show"), ("world", "check"), ("world", "plot")]


@pytest.mark.parametrize("words", WORDS + WORLD_WORDS)
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


OWN = """
from dataclasses import replace
from tests.sim.toy import TOY
GOOD = replace(TOY, name="mine")
def beyond(key, parameters):
    values, labels = TOY.simulate(key, parameters)
    return values, labels + 5
BROKEN = replace(TOY, simulate=beyond)
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs ``slipway-server world …`` in a folder with worlds of one's own."""
    (tmp_path / "my_worlds.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return lambda *words: CliRunner().invoke(world_app, [str(word) for word in words])


def test_a_world_of_ones_own_is_shown_checked_and_drawn(world: Callable[..., Result], tmp_path: Path) -> None:
    shown = json.loads(world("show", "my_worlds:GOOD", "--json").stdout)
    assert (shown["name"], shown["task"]["classes"], shown["explains"]) == ("mine", ["low", "high"], False)
    assert shown["prior"]["pace"] == {"kind": "Uniform", "low": 0.1, "high": 0.5}
    assert shown["parameters"]["pace"] == {
        "unit": "1",
        "low": 0.0,
        "high": 1.0,
        "doc": "deviation of a step",
        "size": 1,
    }
    assert "pace" in world("show", "my_worlds:GOOD").stdout
    assert json.loads(world("check", "my_worlds:GOOD", "--json").stdout) == {"name": "mine", "windows": 4096}
    picture = tmp_path / "x.png"
    assert json.loads(world("plot", "my_worlds:GOOD", "--out", picture, "--json").stdout) == {"path": str(picture)}
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (("show", "my_worlds:GONE"), "GOOD"),
        (("show", "no_worlds:GOOD"), "PYTHONPATH"),
        (("plot", "moon"), "rover"),
        (("check", "my_worlds:BROKEN"), "index into classes"),
    ],
)
def test_a_world_that_is_none_or_breaks_its_contract(
    world: Callable[..., Result], words: tuple[str, ...], remedy: str
) -> None:
    refused = world(*words).exception
    assert isinstance(refused, Refused) and remedy in str(refused)


def test_a_refused_world_has_its_exit_code_and_words(tmp_path: Path) -> None:
    done = run("world", "show", "moon", "--json")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert json.loads(done.stdout)["error"]["reason"] == "FIELD_INVALID" and "→" in done.stderr


def test_the_worlds_of_the_server_are_listed() -> None:
    rows = json.loads(run("world", "list", "--json").stdout)
    (rover,) = [row for row in rows if row["name"] == "rover"]
    assert (rover["window_length"], rover["channel_count"], rover["rate_hz"]) == (1, 24, 9.0)
