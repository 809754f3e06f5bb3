"""Every command of the README's "Use it" is run as it stands, in its order, against a server it starts itself."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import pytest

from sim.generate import windows
from sim.worlds.rover import WORLD

ROOT = Path(__file__).parents[2]
USE = (ROOT / "README.md").read_text().split("## Use it")[1].split("## Find your way")[0]
SERVE, *TALK, EDGE = [line for block in re.findall(r"```sh\n(.*?)```", USE, re.DOTALL) for line in block.splitlines()]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    values, _ = windows(WORLD, jax.random.key(5), 500)
    np.savez(tmp_path / "recording.npz", values=values)
    return tmp_path


@pytest.fixture
def environment(place: Path) -> Iterator[dict[str, str]]:
    """A shell's environment in which the README's server runs, on a free port."""
    found = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = SERVE.replace(":8471", ":0").split()
    server = subprocess.Popen(command, cwd=place, env=found, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    yield {**found, "SLIPWAY_SERVER": server.stdout.readline().split()[-1]}
    server.terminate()
    server.wait()


@pytest.mark.slow
def test_the_commands_of_the_readme_work(place: Path, environment: dict[str, str]) -> None:
    for line in TALK:
        fewer = ["--windows", "20000"] if " pretrain " in line else []  # the story is the same, and sooner told
        done = subprocess.run([*line.split(), *fewer], cwd=place, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
    edge = EDGE.replace("192.0.2.7:8471", environment["SLIPWAY_SERVER"]).split()
    lines = "".join(json.dumps(window.tolist()) + "\n" for window in np.load(place / "recording.npz")["values"][:5])
    answered = subprocess.run(edge, cwd=place, env=environment, input=lines, capture_output=True, text=True)
    assert answered.returncode == 0, answered.stderr
    answers = [json.loads(line) for line in answered.stdout.splitlines()]
    assert [answer["version"] for answer in answers] == ["models/rover/versions/1"] * 5
