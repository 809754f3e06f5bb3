"""The example clients, built as their pages say and run against the real server: what each of them claims is true."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest

from service.blobs import open_blobs
from service.catalogue import models
from service.catalogue.engine import Catalogue, database_url
from service.clock import now_us
from service.domain import Lineage, NewVersion
from service.worker.context import load_windows
from service.worker.loop import work
from service.worker.pipelines.evaluate import evaluate
from slipway.v1 import jobs_pb2
from tests.examples.building import ALL, Client
from tests.service.inference.bundles import CLASSES, SENSOR, alone, bundle, dense, point, task_of
from tests.service.process import ServerProcess, get_dataset
from tests.service.work import place_of

COUNT = 40  # windows that a client uploads
BALLAST_BYTES = 600_000  # a bundle of more than one piece of a download
LINE = re.compile(r"(models|broke off|dataset|job|bundle|inference|refused): (.*)")


@dataclass(frozen=True)
class Shelf:
    """A server with three models, and "spoilt", whose bundle was damaged on the server's disk."""

    server: ServerProcess
    catalogue: Catalogue
    rover: bytes


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """The server, with a worker beside it that evaluates."""
    server = ServerProcess(tmp_path_factory.mktemp("server") / "data").start()
    catalogue, stop = Catalogue(database_url("", server.folder)), Event()
    contents = [publish(server, catalogue, name, seed) for seed, name in enumerate(("arm", "rover", "spoilt"))]
    spoil(server.folder, contents[2])
    worker = Thread(target=work, args=(place_of(server, evaluate=evaluate), stop.is_set))
    worker.start()
    yield Shelf(server, catalogue, contents[1])
    stop.set()
    worker.join()
    catalogue.close()
    server.kill()


def publish(server: ServerProcess, catalogue: Catalogue, name: str, seed: int) -> bytes:
    """Enter version 1 of a model with the files that an export makes, as "stable"; return its bundle."""
    task = task_of(name)
    graph = dense(task, seed, BALLAST_BYTES)
    files = {models.BUNDLE: bundle(graph, task), "float_onnx": graph}
    blobs = open_blobs("", server.folder)
    stored = {key: (blobs.put(content), len(content)) for key, content in files.items()}
    catalogue.write(
        models.add_version, NewVersion(name, task.to_json(), Lineage("small"), 1, {}), stored, "job", now_us()
    )
    point(catalogue, name, "stable", 1)
    return files[models.BUNDLE]


def spoil(folder: Path, content: bytes) -> None:
    """Change one byte in the middle of a stored file."""
    (path,) = (each for each in (folder / "blobs").rglob("*") if each.is_file() and each.read_bytes() == content)
    middle = len(content) // 2
    path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])


@pytest.fixture(scope="module", params=ALL)
def client(request: pytest.FixtureRequest) -> Client:
    """Each of the examples, built."""
    found = ALL[request.param]
    if found.missing():
        pytest.skip(f"not installed: {', '.join(found.missing())}")
    found.build()
    return found


@dataclass(frozen=True)
class Story:
    """What a client said, line by line, and the file that it fetched."""

    said: dict[str, str]
    file: bytes


@pytest.fixture(scope="module")
def story(client: Client, shelf: Shelf, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """The whole walk, once for each client."""
    folder = tmp_path_factory.mktemp(client.folder)
    done = client.run(shelf.server.address, folder)
    assert done.returncode == 0, done.stderr
    lines = (LINE.fullmatch(line) for line in done.stdout.splitlines())
    return Story({line[1]: line[2] for line in lines if line}, (folder / "model.slipway").read_bytes())


def sent(client: Client, count: int) -> np.ndarray:
    """The windows that a client makes up: the shell's are at rest."""
    numbers = np.arange(count * int(np.prod(SENSOR.window_shape))) * 37 % 101 / 50 - 1
    values = numbers.reshape(count, *SENSOR.window_shape).astype(np.float32)
    return np.zeros_like(values) if client.folder == "shell" else values


def labels(client: Client) -> np.ndarray:
    """The labels that it gives them."""
    return np.arange(COUNT) % (1 if client.folder == "shell" else len(CLASSES))


def named(words: str, pattern: str) -> str:
    """The resource in a line."""
    found = re.search(pattern, words)
    assert found, words
    return found[0]


def test_it_lists_models_over_pages(story: Story) -> None:
    assert re.findall(r"models/(\w+)", story.said["models"]) == ["arm", "rover", "spoilt"]
    assert "(2 pages)" in story.said["models"]


def test_it_understands_why_an_upload_broke_off(story: Story) -> None:
    assert "UPLOAD_INCOMPLETE" in story.said["broke off"]
    assert f"ended after {COUNT // 2} of {COUNT} windows" in story.said["broke off"]
    assert "Open another stream with the same upload_id" in story.said["broke off"]


def test_it_uploads_every_window_once(story: Story, client: Client, shelf: Shelf) -> None:
    name = named(story.said["dataset"], "datasets/[a-z0-9-]+")
    assert f"holds {COUNT} windows, sent from {COUNT // 2} on" in story.said["dataset"]
    stored = load_windows(shelf.catalogue, open_blobs("", shelf.server.folder), name)
    assert np.asarray(stored.values).tobytes() == sent(client, COUNT).tobytes()
    assert np.asarray(stored.labels).tolist() == labels(client).tolist()
    assert list(get_dataset(shelf.server, name).classes) == list(CLASSES)


def test_it_watches_a_job_to_its_end(story: Story, client: Client, shelf: Shelf) -> None:
    name = named(story.said["job"], "jobs/[a-z0-9]+")
    job: Any = shelf.server.jobs.GetJob(jobs_pb2.GetJobRequest(name=name), timeout=10)
    right = alone(shelf.rover, sent(client, COUNT)).argmax(1) == labels(client)
    assert job.state == jobs_pb2.Job.SUCCEEDED and job.result.evaluation.accuracy == pytest.approx(right.mean())
    assert "SUCCEEDED" in story.said["job"]
    assert float(story.said["job"].partition("accuracy ")[2].split()[0]) == pytest.approx(right.mean(), abs=5e-5)


def test_it_pulls_the_bundle_in_two_goes(story: Story, shelf: Shelf) -> None:
    assert story.file == shelf.rover
    assert f"{len(shelf.rover)} bytes, went on at {len(shelf.rover) // 2}, SHA-256" in story.said["bundle"]


def test_it_gets_the_devices_answers(story: Story, client: Client, shelf: Shelf) -> None:
    expected = alone(shelf.rover, sent(client, 3))
    words, _, digits = story.said["inference"].partition("; logits ")
    assert words.startswith("version 1")
    if client.folder == "shell":  # it prints all digits
        assert np.array(digits.split(), np.float32).tobytes() == expected[0].tobytes()
    else:
        assert digits == " ".join(f"{each:.4f}" for each in expected[0])
        assert words == f"version 1 answers {', '.join(CLASSES[best] for best in expected.argmax(1))}"


def test_it_reads_a_refusal(story: Story) -> None:
    assert "MODEL_NOT_FOUND" in story.said["refused"] and "List the models" in story.said["refused"]


def test_it_fails_with_the_servers_words(client: Client, shelf: Shelf, tmp_path: Path) -> None:
    done = client.run(shelf.server.address, tmp_path, "--model", "nobody")
    assert done.returncode == 1
    assert "MODEL_NOT_FOUND" in done.stderr and "models/nobody" in done.stderr


def test_it_does_not_accept_a_damaged_bundle(client: Client, shelf: Shelf, tmp_path: Path) -> None:
    done = client.run(shelf.server.address, tmp_path, "--model", "spoilt")
    assert done.returncode == 1
    assert "SHA-256" in done.stderr and "bundle: " not in done.stdout


def test_it_shows_its_certificate(client: Client, guarded: ServerProcess, tmp_path: Path) -> None:
    identity = guarded.folder / "identity" / "admin"
    done = client.run(guarded.address, tmp_path, "--identity", identity, "--model", "nobody")
    assert "MODEL_NOT_FOUND" in done.stderr, done.stderr
    done = client.run(guarded.address, tmp_path, "--model", "nobody")
    assert done.returncode == 1 and "MODEL_NOT_FOUND" not in done.stderr


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that asks for certificates, and has written the first one."""
    server = ServerProcess(tmp_path_factory.mktemp("guarded") / "data", tls="always").start()
    yield server
    server.kill()
