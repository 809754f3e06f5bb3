"""Jobs and models through the client, with a real server and a worker whose pipelines are tiny."""

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from service.worker.loop import run_next
from slipway.bundle.archive import read
from slipway.client import Client, ServerRefused, connect
from slipway.errors import Reason, Refused
from tests.slipway.edge.bundles import CLASSES, SENSOR, bundle
from tests.slipway.server import Server


@pytest.fixture(scope="module")
def exported(server: Server) -> Iterator[Client]:
    """A server whose model "lander" has version 1 with a bundle."""
    with connect(server.address) as client:
        client.datasets.create("lander-pool", SENSOR, CLASSES)
        client.datasets.upload_windows("lander-pool", np.zeros((4, *SENSOR.window_shape)))
        client.jobs.pretrain("lander", world="rover", window_count=10, seed=3)
        assert run_next(server.worker())
        client.jobs.export("lander/1", "lander-pool")
        assert run_next(server.worker())
        yield client


def test_a_job_is_watched_to_its_end(client: Client, server: Server) -> None:
    job = client.jobs.pretrain("watched", world="rover", prior={"gain": {"low": 0.5}}, epoch_count=7)
    assert (job.kind, job.state, job.ended) == ("pretrain", "PENDING", False)
    assert job.spec["model_id"] == "watched"
    source = job.spec["world"]
    assert (source["world"], source["window_count"], source["prior"]) == ("rover", 0, {"gain": {"low": 0.5}})
    assert (source["identification"], source["curriculum"]) == ("", None)
    states: list[str] = []
    worker = threading.Thread(target=run_next, args=(server.worker(),))
    worker.start()
    done = client.jobs.wait(job.name, progress=lambda job: states.append(job.state))
    worker.join()
    assert done.state == states[-1] == "SUCCEEDED"
    assert done.result is not None and done.result.version == "models/watched/versions/1"
    assert done.result.stage_seconds == {"training": 0.1}
    assert client.jobs.get(job.name) == done
    assert next(client.jobs.list()).name == job.name


def test_a_watch_goes_on_after_the_server_was_killed(own_server: Server) -> None:
    with connect(own_server.address) as client:
        job = client.jobs.pretrain("survivor", world="rover")
        watch = client.jobs.watch(job.name)
        assert next(watch).state == "PENDING"
        own_server.stop()
        own_server.start()
        assert run_next(own_server.worker())
        assert [job.state for job in watch][-1] == "SUCCEEDED"


def test_the_same_request_id_makes_one_job(client: Client) -> None:
    request_id = str(uuid.uuid4())
    job = client.jobs.pretrain("idempotent", world="rover", request_id=request_id)
    assert client.jobs.pretrain("idempotent", world="rover", request_id=request_id).name == job.name
    assert client.jobs.cancel(job.name).state == "CANCELLED"
    assert client.jobs.wait(job.name).state == "CANCELLED"


def test_a_model_and_its_version_come_back_as_values(exported: Client) -> None:
    model = exported.models.get("lander")
    assert (model.task.sensor, model.task.classes) == (SENSOR, CLASSES)
    assert model in list(exported.models.list())
    version = exported.models.version("lander/1")
    assert version.name == model.latest_version == "models/lander/versions/1"
    assert version.lineage is not None and (version.lineage.method, version.lineage.seed) == ("mlp", 3)
    assert [point.epoch for point in version.history] == [1, 2, 3]
    assert {artifact.name.rpartition("/")[2] for artifact in version.artifacts} == {"model", "bundle"}
    assert list(exported.models.versions("lander")) == [version]


def test_a_channel_moves_only_from_where_it_was_seen(exported: Client) -> None:
    moved = exported.models.set_channel("lander", "beta", "lander/1")
    assert (moved.version, len(moved.history)) == ("models/lander/versions/1", 1)
    with pytest.raises(ServerRefused) as refusal:
        exported.models.set_channel("lander", "beta", "lander/1", etag="old")
    assert refusal.value.code == "ABORTED"
    assert exported.models.channel("lander", "beta") == moved
    assert moved in list(exported.models.channels("lander"))


def test_a_download_is_whole_and_goes_on_at_any_byte(exported: Client, tmp_path: Path) -> None:
    path = tmp_path / "lander.slipway"
    artifact = exported.models.download_artifact("lander/1/bundle", path)
    expected = bundle(1, model="lander", ballast=700_000)
    assert path.read_bytes() == expected and artifact.size_bytes == len(expected)
    assert read(path.read_bytes()).manifest.model == "lander"
    other = tmp_path / "again.slipway"
    (tmp_path / f"again.slipway.{artifact.sha256[:16]}.part").write_bytes(expected[:300_001])
    seen: list[int] = []
    exported.models.download_artifact("lander/1/bundle", other, progress=lambda done, total: seen.append(done))
    assert other.read_bytes() == expected
    assert seen[0] == 300_001
    assert {p.name for p in tmp_path.iterdir()} == {"lander.slipway", "again.slipway"}


def test_an_artifact_that_is_not_there_names_those_that_are(exported: Client, tmp_path: Path) -> None:
    with pytest.raises(Refused) as refusal:
        exported.models.download_artifact("lander/1/int8_onnx", tmp_path / "x")
    assert refusal.value.reason is Reason.FIELD_INVALID
    assert "bundle" in refusal.value.message


@pytest.mark.parametrize("name", ["lander", "lander/1/2", "/1", "lander/"])
def test_a_version_needs_a_model_and_a_number(exported: Client, name: str) -> None:
    with pytest.raises(Refused):
        exported.models.version(name)
