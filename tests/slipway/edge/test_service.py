"""As a service: the unit is one that systemd takes, and the agent says to it what it has to."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from slipway.edge.unit import unit
from tests.slipway.edge.bundles import bundle
from tests.slipway.edge.repository import Repository

ODD = '/run/my sensor/50% of $HOME\'s "fifo"'


def written(path: Path, *, user: str = "") -> str:
    text = unit(sys.executable, ["--model", "rover", "--input", ODD], model="rover", user=user, memory_mb=128)
    path.write_text(text)
    return text


def test_each_word_of_the_command_arrives_as_it_was_given(tmp_path: Path) -> None:
    text = written(tmp_path / "slipway-edge.service")
    (line,) = [line for line in text.splitlines() if line.startswith("ExecStart=")]
    assert '"/run/my sensor/50%% of $$HOME\'s \\"fifo\\""' in line
    assert "DynamicUser=yes" in text and "MemoryMax=128M" in text
    assert "User=porch" in written(tmp_path / "other.service", user="porch")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_takes_it_and_finds_little_to_say_against_it(tmp_path: Path) -> None:
    path = tmp_path / "slipway-edge.service"
    written(path)
    done = subprocess.run(["systemd-analyze", "verify", str(path)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    path.write_text(path.read_text().replace("Restart=always", "Restart=sometimes"))
    done = subprocess.run(["systemd-analyze", "verify", str(path)], capture_output=True, text=True)
    assert "sometimes" in done.stderr, "the check bites"


def test_the_agent_says_that_it_is_ready_that_it_lives_and_that_it_stops(
    tmp_path: Path, repository: Repository, command: list[str]
) -> None:
    repository.publish("models/rover", 2, bundle(2))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "notify"))
        heard.settimeout(60)
        variables = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}
        variables.pop("WATCHDOG_PID", None)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "stdin": subprocess.PIPE}
        with subprocess.Popen(command, env=variables, **quiet) as process:
            assert heard.recv(4096) == b"READY=1"
            said = heard.recv(4096).decode()
            assert said.startswith("WATCHDOG=1\nSTATUS=")
            process.send_signal(signal.SIGTERM)
            while (said := heard.recv(4096).decode()).startswith("WATCHDOG"):
                pass
            assert said == "STOPPING=1"
            assert process.wait(60) == 0
