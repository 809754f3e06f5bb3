"""``slipway model import`` as a user meets it: a real graph, a real worker, words and JSON."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from service.worker.loop import Workplace, run_next
from service.worker.pipelines.import_model import import_model
from slipway.bundle.archive import read
from slipway.spec import TaskSpec
from tests.slipway.cli.command import Run
from tests.slipway.edge.bundles import CLASSES, SENSOR, bundle
from tests.slipway.server import Server

TASK = TaskSpec("rover", SENSOR, CLASSES)


@pytest.fixture
def worker(server: Server) -> Iterator[Workplace]:
    place = replace(server.worker(), pipelines={"import_model": import_model})
    yield place
    place.catalogue.close()


@pytest.fixture
def net(tmp_path: Path) -> Path:
    path = tmp_path / "net.onnx"
    path.write_bytes(read(bundle(1)).graph)
    return path


@pytest.fixture
def task_file(tmp_path: Path) -> Path:
    path = tmp_path / "task.json"
    path.write_text(json.dumps(TASK.to_json()))
    return path


def test_a_graph_comes_in_by_a_task_and_by_the_model_it_is_like(
    run: Run, worker: Workplace, net: Path, task_file: Path
) -> None:
    done = run("model", "import", "tractor", net, "--task", task_file)
    assert done.code == 0 and "slipway job watch jobs/" in done.out
    assert run_next(worker)
    shown = run("model", "show", "tractor/1").out
    assert "imported" in shown and "float_onnx" in shown
    job = run("model", "import", "plough", net, "--like", "tractor", "--layout", "time_channels", "--json").json
    assert (job["kind"], job["spec"]["layout"], job["spec"]["task"]["name"]) == (
        "import_model",
        "TIME_CHANNELS",
        "rover",
    )
    assert run_next(worker)
    told = run("job", "show", job["name"])
    assert "models/plough/versions/1" in told.out and "import_model" in told.out
    assert "plough" in run("job", "list").out


def test_names_in_a_graph_are_printed_as_they_are(
    run: Run, worker: Workplace, net: Path, task_file: Path, tmp_path: Path
) -> None:
    model = onnx.load_model_from_string(net.read_bytes())
    last = len(model.graph.node) - 1
    model.graph.node.insert(last, onnx.helper.make_node("Tanh", ["flat"], ["bent"], "[/bold] node"))
    model.graph.node[-1].input[0] = "bent"
    net.write_bytes(model.SerializeToString())
    job = run("model", "import", "named", net, "--task", task_file, "--json").json["name"]
    assert run_next(worker)
    for words in (("model", "show", "named/1"), ("model", "versions", "named"), ("job", "show", job)):
        assert "[/bold] node" in run(*words).out


def test_waiting_tells_what_became_of_it(run: Run, worker: Workplace, net: Path, task_file: Path) -> None:
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            run_next(worker)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        good = run("model", "import", "waited", net, "--task", task_file, "--wait", "--json")
        net.write_bytes(b"nothing")
        bad = run("model", "import", "waited", net, "--task", task_file, "--wait")
    finally:
        ended.set()
        thread.join()
    assert good.code == 0 and good.json["result"]["version"] == "models/waited/versions/1"
    words = " ".join(bad.out.split())
    assert bad.code == 1 and "needs an ONNX file" in words and "Save it as one ONNX file" in words


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ((), 2, "--task"),
        (("--task", "task.json", "--like", "rover"), 2, "--like"),
        (("--task", "nowhere.json"), 2, "nowhere.json"),
        (("--like", "unicorn"), 1, "models/unicorn"),
        (("--task", "net.onnx"), 1, "net.onnx"),
        (("--task", "half.json"), 1, "sensor"),
        (("--task", "task.json", "--layout", "sideways"), 1, "channels_time"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_wrong_use_has_its_exit_code_and_words(
    run: Run,
    net: Path,
    task_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    code: int,
    words: str,
) -> None:
    monkeypatch.chdir(net.parent)
    (net.parent / "half.json").write_text('{"name": "rover"}')
    done = run("model", "import", "never", net, *options)
    assert done.code == code
    assert words in done.err and "Traceback" not in done.err
