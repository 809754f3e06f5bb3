"""KServe's own client, unchanged, against the real server: every call that it has."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.service.inference.bundles import alone, windows
from tests.service.inference.conftest import Shelf

ROOT = Path(__file__).parents[3]
BESIDE = ROOT / "out" / "kserve"  # it pins other versions than the server takes
HERE = BESIDE.is_dir() or importlib.util.find_spec("kserve") is not None
pytestmark = pytest.mark.skipif(not HERE, reason="not installed: kserve (into out/kserve)")


@pytest.fixture(scope="module")
def found(shelf: Shelf) -> dict[str, Any]:
    """What the client saw, in a process of its own."""
    command = [sys.executable, "-m", "tests.service.inference.kserve_calls", shelf.address]
    environment = {**os.environ, "PYTHONPATH": f"{BESIDE}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_it_sees_a_server_and_its_models(found: dict[str, Any]) -> None:
    assert found["live"] and found["ready"] and found["model_ready"] == [True, False]


def test_it_gets_the_devices_bits(found: dict[str, Any], shelf: Shelf) -> None:
    one, two = (alone(content, windows(5, 1)).tobytes().hex() for content in shelf.rover)
    assert (found["raw"], found["typed"], found["id"]) == (one, one, "q-1")
    assert found["channel"] == found["version"] == ["2", two]
    assert found["together"] == [alone(shelf.rover[0], windows(1, seed)).tobytes().hex() for seed in range(20)]


def test_it_understands_refusals(found: dict[str, Any]) -> None:
    (unknown, words), (invalid, limit) = found["errors"]
    assert unknown == "NOT_FOUND" and "Request for unknown model" in words
    assert invalid == "INVALID_ARGUMENT" and "64" in limit
