"""The command line as a user meets it: a real server, real files, exit codes, words and JSON."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import typer

from service.worker.loop import run_next
from slipway.cli import main as command_line
from tests.slipway.cli.command import Run, recording
from tests.slipway.edge.bundles import SENSOR, WINDOW, bundle
from tests.slipway.server import REPORT, ROOT, Server


def commands(app: typer.Typer, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every command, as the words that call it."""
    found = []
    for command in app.registered_commands:
        assert command.callback is not None
        found.append((*path, command.name or command.callback.__name__.replace("_", "-")))
    for group in app.registered_groups:
        assert group.typer_instance is not None
        own = (group.name,) if isinstance(group.name, str) else ()  # a group without a name lends its commands
        found += commands(group.typer_instance, (*path, *own))
    return found


@pytest.mark.parametrize("words", commands(command_line.app), ids=" ".join)
def test_every_command_explains_itself_with_an_example_and_can_speak_json(run: Run, words: tuple[str, ...]) -> None:
    done = run(*words, "--help")
    assert done.code == 0
    assert "--json" in done.out
    assert f"Example: slipway {' '.join(words)}" in re.sub(r"\s+", " ", done.out)


def test_a_recording_goes_up_and_is_seen(run: Run, tmp_path: Path, sensor_file: Path) -> None:
    assert run("dataset", "create", "yard", "--sensor", sensor_file, "--classes", "odd,even").code == 0
    for _ in range(2):
        done = run("dataset", "upload", "yard", recording(tmp_path), "--values", "x", "--labels", "y", "--json")
        assert (done.code, done.json["state"]) == (0, "COMPLETE")
    assert run("dataset", "upload-statistics", "yard", recording(tmp_path), "--values", "x").code == 0
    shown = run("dataset", "show", "yard", "--json").json
    assert (shown["window_count"], shown["label_counts"]) == (50, [25, 25])
    assert shown["statistics"]["count"] == 150
    assert "odd 25, even 25" in run("dataset", "show", "yard").out
    assert "datasets/yard" in [row["name"] for row in run("dataset", "list", "--json").json]
    assert run("dataset", "delete", "yard", "--yes", "--json").json == {"deleted": "yard"}
    assert run("dataset", "show", "yard").code == 1


def test_the_way_of_a_model_to_a_device(run: Run, server: Server, tmp_path: Path) -> None:
    worker = server.worker()
    name = run("job", "pretrain", "dingo", "--world", "rover", "--seed", 5, "--json").json["name"]
    assert run_next(worker)
    assert "models/dingo/versions/1" in run("job", "show", name).out
    assert run("dataset", "create", "den", "--from", "dingo").code == 0
    assert run("dataset", "upload", "den", recording(tmp_path), "--values", "x").code == 0
    made = run("job", "export", "dingo/1", "--calibration", "den", "--json")
    assert run_next(worker)
    watched = run("job", "watch", made.json["name"])
    assert watched.code == 0 and "succeeded" in watched.out
    assert run("model", "channel", "set", "dingo", "stable", "1").out.split()[-1] == "models/dingo/versions/1"
    assert "stable" in run("model", "show", "dingo").out
    assert run("model", "versions", "dingo", "--json").json[0]["lineage"]["seed"] == 5
    file = tmp_path / "dingo.slipway"
    assert run("model", "download", "dingo/1", "--output", file, "--json").json["path"] == str(file)
    device = tmp_path / "device"
    place = ("--model", "dingo", "--folder", device)
    assert run("edge", "install-once", *place, "--json").json["current"]["version"] == "models/dingo/versions/1"
    windows = tmp_path / "windows.ndjson"
    windows.write_text(json.dumps(WINDOW) + "\n" + json.dumps(WINDOW) + "\n")
    for done in (
        run("edge", "run", *place, "--once", "--input", windows),
        run("edge", "run", *place, "--input", windows),
        run("edge", "run", *place, "--input", windows, "--server", "127.0.0.1:1"),
        run("edge", "answer", file, "--input", windows),
    ):
        assert done.code == 0
        assert [json.loads(line)["class"] for line in done.out.splitlines()] == ["odd", "odd"]
    status = run("edge", "status", "--folder", device)
    assert "models/dingo/versions/1" in status.out and "not running" in status.out


def test_the_way_of_a_recording_to_a_fitted_simulator(
    run: Run, server: Server, tmp_path: Path, sensor_file: Path
) -> None:
    worker = server.worker()
    prior = tmp_path / "prior.json"
    prior.write_text(json.dumps({"gain": {"kind": "Uniform", "low": 0.5, "high": 1.5}}))
    assert run("dataset", "create", "walk", "--sensor", sensor_file).code == 0
    assert run("dataset", "upload", "walk", recording(tmp_path), "--values", "x").code == 0
    asked = ("--prior", prior, "--keeps", "gain", "--keeps", "slip", "--simulations", 700, "--method", "unpaired")
    job = run("job", "identify", "rover", "walk", *asked, "--json").json
    assert (job["spec"]["names"], job["spec"]["method"], job["spec"]["simulation_count"]) == (
        ["gain", "slip"],
        "UNPAIRED",
        700,
    )
    assert run_next(worker)
    shown = run("job", "show", job["name"]).out
    assert "out of reach" in shown and "broken by a" in shown and "gain" in shown
    assert "1 of 2 determined" in run("job", "list").out
    file = tmp_path / "report.html"
    assert run("job", "download", job["name"], "--output", file, "--json").json["path"] == str(file)
    assert file.read_bytes() == REPORT
    assert run("job", "download", job["name"], "bundle").code == 1
    wide = ("--identification", job["name"], "--curriculum", "round_count=3,step=0.2")
    source = run("job", "pretrain", "fitted", "--world", "rover", *wide, "--json").json["spec"]["world"]
    assert source["prior"] == json.loads(prior.read_text())
    assert source["curriculum"] == {"round_count": 3, "step": 0.2}
    assert run_next(worker)


def test_the_way_of_targets_to_a_measure(run: Run, server: Server, tmp_path: Path, sensor_file: Path) -> None:
    file = tmp_path / "pulled.npz"
    np.savez(file, x=np.ones((5, *SENSOR.window_shape)), y=np.ones((5, 1)))
    assert run("dataset", "create", "pulled", "--sensor", sensor_file, "--outputs", "force:N").code == 0
    for _ in range(2):
        assert run("dataset", "upload", "pulled", file, "--values", "x", "--labels", "y").code == 0
    assert "5 of force (N)" in run("dataset", "show", "pulled").out
    worker = server.worker()
    run("job", "pretrain", "puller", "--world", "rover")
    assert run_next(worker)
    job = run("job", "evaluate", "puller/1", "pulled", "--json").json["name"]
    assert run_next(worker)
    shown = run("job", "show", job).out
    assert "force" in shown and "0.875" in shown and "0.25 N" in shown and "accuracy" not in shown
    assert "R² 0.88" in run("job", "list").out or "R² 0.87" in run("job", "list").out


def test_a_refused_window_is_answered_in_its_place_and_fails_the_command(run: Run, tmp_path: Path) -> None:
    file, windows = tmp_path / "rover.slipway", tmp_path / "windows.ndjson"
    file.write_bytes(bundle(2))
    windows.write_text("nonsense\n" + json.dumps(WINDOW) + "\n")
    done = run("edge", "answer", file, "--input", windows)
    bad, good = map(json.loads, done.out.splitlines())
    assert done.code == 1 and bad["error"]["reason"] == "FIELD_INVALID" and good["class"] == "even"


def test_what_the_server_refuses_is_said_with_the_remedy(run: Run) -> None:
    done = run("model", "show", "unicorn", "--json")
    assert done.code == 1
    assert "models/unicorn" in done.err and "→" in done.err and "Traceback" not in done.err
    assert done.json["error"]["reason"] == "MODEL_NOT_FOUND"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("model", "list", "--server", "127.0.0.1:1"), 3, "--server"),
        (("edge", "install-once", "--model", "rover", "--server", "127.0.0.1:1", "--patience", "0"), 3, "--server"),
        (("edge", "status"), 1, "install-once"),
        (("edge", "run", "--model", "No Name"), 1, "--model"),
        (("job", "pretrain", "rover"), 2, "--world"),
        (("job", "pretrain", "rover", "--world", "x", "--curriculum", "step=much"), 2, "round_count"),
        (("job", "pretrain", "rover", "--world", "x", "--curriculum", "speed=1"), 1, "cope_above"),
        (("job", "pretrain", "rover", "--dataset", "x", "--identification", "j1"), 2, "--world"),
        (("job", "identify", "rover", "garage", "--method", "magic"), 1, "unpaired"),
        (("job", "adapt", "rover", "garage"), 1, "rover/3"),
        (("job", "adapt", "rover/1", "garage", "--objective", "moments=much"), 2, "weight"),
        (("job", "evaluate", "rover/1", "garage", "--form", "int4"), 2, "int8_onnx"),
        (("dataset", "create", "x"), 2, "--from"),
        (("dataset", "upload", "x", "missing.npz"), 2, "missing.npz"),
        (("model", "launch"), 2, "launch"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_wrong_use_has_its_exit_code_and_words(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert done.code == code
    assert words in done.err and "Traceback" not in done.err


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04broken"])
def test_a_file_that_holds_no_arrays_is_refused(run: Run, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(content)
    done = run("dataset", "upload", "any", path)
    assert done.code == 1 and "numpy.savez" in done.err


def test_code_in_a_file_is_never_run(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, values=np.array([print], object))
    done = run("dataset", "upload", "any", path)
    assert done.code == 1 and "numpy.savez" in done.err


def test_a_missing_array_names_those_that_are_there(run: Run, tmp_path: Path) -> None:
    done = run("dataset", "upload", "any", recording(tmp_path))
    assert done.code == 1 and "x, y" in done.err


@pytest.mark.parametrize(
    ("words", "code", "last"),
    [
        ("dataset upload terminal {file} --values x", 0, "uploaded 50 windows to terminal"),
        ("dataset upload nowhere {file} --values x", 1, "create it first."),
    ],
)
def test_progress_is_drawn_on_a_terminal(
    run: Run, server: Server, tmp_path: Path, sensor_file: Path, words: str, code: int, last: str
) -> None:
    run("dataset", "create", "terminal", "--sensor", sensor_file)
    command = [sys.executable, "-m", "slipway.cli", *words.format(file=recording(tmp_path)).split()]
    ours, theirs = pty.openpty()
    settings = {"SLIPWAY_SERVER": server.address, "TERM": "xterm-256color"}
    with subprocess.Popen(command, cwd=ROOT, env=settings, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        with suppress(OSError):  # the other end of a terminal closes with an error
            while piece := os.read(ours, 4096):
                seen += piece
    os.close(ours)
    assert process.returncode == code and seen.decode().strip().endswith(last), seen.decode()


def test_ctrl_c_leaves_quietly(server: Server) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "slipway.cli", "job", "pretrain", "waiting", "--world", "rover", "--wait"],
        cwd=ROOT,
        env={"SLIPWAY_SERVER": server.address},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert "pending" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "interrupted\n")
