"""A worker killed in the middle of a fleet: the next one goes on with the first device that is not done."""

import re
from pathlib import Path

import numpy as np
import psutil
import pytest

from slipway.client import Client, connect
from slipway.client.values import Job
from slipway.v1 import jobs_pb2 as pb
from tests.service.process import ServerProcess, create_dataset, upload, wait_for
from tests.service.test_adaptation import CLASSES, recording
from tests.service.work import create_job

DEVICES, KILLED_AFTER = 4, 2
FEW = 30  # labels: each device is judged in folds, so it goes alone and takes a moment


def fleet_worker(server: ServerProcess) -> psutil.Process:
    assert server.process is not None
    (worker,) = psutil.Process(server.process.pid).children()
    return worker


def done(server: ServerProcess) -> list[Path]:
    return list(server.folder.glob("jobs/*/finished/rows/*.json"))


def put(server: ServerProcess, name: str, values: np.ndarray, labels: np.ndarray) -> str:
    full = create_dataset(server, name, CLASSES)
    upload(server, full, values, labels.tolist())
    return full


def adapt_all(server: ServerProcess, base: str, targets: list[str]) -> str:
    objectives = [pb.WeightedObjective(objective="cross_entropy")]
    spec = pb.AdaptSpec(
        base=base,
        targets=targets,
        scope="head",
        objectives=objectives,
        gate_policy=pb.AdaptSpec.REPORT_ONLY,
        options=pb.AdaptOptions(step_count=60),
    )
    return str(create_job(server, adapt=spec).name)


def adapters(client: Client, job: Job) -> list[str]:
    assert job.result is not None, job.error
    versions = [client.models.version(row.version) for row in job.result.devices]
    return [next(file.sha256 for file in each.artifacts if file.name.endswith("/adapter")) for each in versions]


@pytest.mark.slow
def test_a_killed_fleet_goes_on_with_the_first_device_that_is_not_done(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", worker_count=1, lease_seconds=3.0, heartbeat_seconds=0.2).start()
    with connect(server.address) as client:
        put(server, "source", *recording(400, 0))
        base = client.jobs.wait(client.jobs.pretrain("yard", dataset="datasets/source", epoch_count=12).name)
        assert base.result is not None, base.error
        targets = []
        for number in range(DEVICES):
            values, labels = recording(200, 50 + number, gain=1.2 + 0.1 * number)
            labels[FEW:] = -1
            targets.append(put(server, f"device{number}", values, labels))
        name = adapt_all(server, base.result.version, targets)
        wait_for(lambda: len(done(server)) >= KILLED_AFTER, 300)
        fleet_worker(server).kill()
        left = DEVICES - len(done(server))
        assert left, "every device was done before the worker could be killed"
        second = [found.progress for found in client.jobs.watch(name) if found.attempt_count == 2]
        ended, twin = client.jobs.get(name), client.jobs.wait(adapt_all(server, base.result.version, targets))
        assert (ended.state, ended.attempt_count, twin.attempt_count) == ("SUCCEEDED", 2, 1)
        numbers = [int(match[1]) for told in second if told and (match := re.match(r"device (\d+) of", told.stage))]
        assert numbers and min(numbers) >= KILLED_AFTER, "it began anew instead of going on"
        assert [row.target for row in ended.result.devices] == targets
        assert adapters(client, ended) == adapters(client, twin)
        assert not done(server), "a job that has ended leaves nothing behind"
    assert server.stop() == 0
