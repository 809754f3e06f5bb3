"""A worker killed in the middle of a real pretraining: the next one goes on, and ends with the same model."""

from pathlib import Path

import psutil
import pytest

from slipway.client import Client, connect
from slipway.client.values import Job
from tests.service.process import ServerProcess, wait_for

JOB = {"world": "rover", "window_count": 60_000, "epoch_count": 40, "seed": 7}


def training_worker(server: ServerProcess) -> psutil.Process:
    assert server.process is not None
    (worker,) = psutil.Process(server.process.pid).children()
    return worker


def has_checkpoint(server: ServerProcess) -> bool:
    return any(path.name.isdigit() for path in server.folder.glob("jobs/*/training/*"))


def model_sha256(client: Client, job: Job) -> str:
    assert job.result is not None, job.error
    artifacts = client.models.version(job.result.version).artifacts
    return next(artifact.sha256 for artifact in artifacts if artifact.name.endswith("/model"))


@pytest.mark.slow
def test_a_killed_pretraining_goes_on_to_the_same_model(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", worker_count=1, lease_seconds=3.0, heartbeat_seconds=0.5).start()
    with connect(server.address) as client:
        job = client.jobs.pretrain("rover", **JOB)
        wait_for(lambda: has_checkpoint(server), 120)
        training_worker(server).kill()
        second = [found.progress for found in client.jobs.watch(job.name) if found.attempt_count == 2]
        ended, twin = client.jobs.get(job.name), client.jobs.wait(client.jobs.pretrain("twin", **JOB).name)
        assert (ended.state, ended.attempt_count, twin.attempt_count) == ("SUCCEEDED", 2, 1)
        assert model_sha256(client, ended) == model_sha256(client, twin)
        first = next(progress.epoch for progress in second if progress and progress.epoch)
        assert first > 1, "it began anew instead of going on"
    assert server.stop() == 0
