"""Triton's own client, unchanged, against the real server: all calls that are served, both of its flavours."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.service.inference.bundles import alone, windows
from tests.service.inference.conftest import Shelf

ROOT = Path(__file__).parents[3]
MISSING = [name for name in ("tritonclient", "rapidjson") if importlib.util.find_spec(name) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")


@pytest.fixture(scope="module")
def found(shelf: Shelf) -> dict[str, Any]:
    """What the client saw, in a process of its own."""
    command = [sys.executable, "-m", "tests.service.inference.triton_calls", shelf.address]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_it_sees_a_server_and_its_models(found: dict[str, Any]) -> None:
    assert found["live"] and found["ready"] and found["model_ready"] == [True, False]
    assert found["server"] == "slipway-server"
    assert found["metadata"]["versions"] == ["1", "2"]
    assert found["metadata"]["inputs"] == [{"name": "window", "datatype": "FP32", "shape": ["-1", "3", "2"]}]
    assert found["config"]["max_batch_size"] == 64 and "dynamic_batching" in found["config"]
    assert found["config"]["input"] == [{"name": "window", "data_type": "TYPE_FP32", "dims": ["3", "2"]}]
    assert found["counted"] == "1"


def test_it_gets_the_devices_bits(found: dict[str, Any], shelf: Shelf) -> None:
    one, two = (alone(content, windows(5, 1)).tobytes().hex() for content in shelf.rover)
    assert (found["infer"], found["id"]) == (one, "q-1")
    assert found["version"] == ["2", two] and found["channel"] == "2"
    assert found["later"] == alone(shelf.rover[0], windows(3, 2)).tobytes().hex()
    assert found["aio_ready"]
    assert found["aio"] == [alone(shelf.rover[0], windows(1, seed)).tobytes().hex() for seed in range(20)]


def test_it_gets_classes(found: dict[str, Any], shelf: Shelf) -> None:
    for row, texts in zip(alone(shelf.rover[0], windows(2, 1)), found["classes"], strict=True):
        best = int(row.argmax())
        assert texts[0] == f"{row[best]:f}:{best}:{('go', 'stop', 'turn')[best]}" and len(texts) == 2


def test_its_streams_keep_their_order(found: dict[str, Any]) -> None:
    assert [each for each in found["stream"] if isinstance(each, int)] == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]
    assert "Request for unknown model" in found["stream"][5]
    assert found["aio_ids"] == ["0", "1", "2", "3", "4"]


def test_it_understands_refusals(found: dict[str, Any]) -> None:
    (unknown, words), (invalid, limit) = found["errors"]
    assert unknown == "StatusCode.NOT_FOUND" and "Request for unknown model" in words
    assert invalid == "StatusCode.INVALID_ARGUMENT" and "64" in limit


def test_the_example_of_the_page_works(shelf: Shelf) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "inference.md").read_text(), re.DOTALL)
    code = code.replace("127.0.0.1:8471", shelf.address)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.split(maxsplit=1) == ["2", "(4, 3)\n"], done.stderr
