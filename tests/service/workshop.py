"""A server and a worker inside the test that runs the real pipelines."""

import json
from typing import Any

import numpy as np

from adapters.receipt.receipt import Receipt
from service.worker.loop import Workplace, run_next
from service.worker.pipelines import PIPELINES
from slipway.spec import SensorSpec, TaskSpec
from slipway.v1 import datasets_pb2, models_pb2, spec_pb2
from slipway.v1 import jobs_pb2 as pb
from tests.service.process import TIMEOUT, ServerProcess, batch, header
from tests.service.work import create_job, place_of


class Workshop:
    """Datasets go in, jobs are run to their end here."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.place: Workplace = place_of(server, **PIPELINES)

    def put(self, name: str, task: TaskSpec, values: np.ndarray, answers: np.ndarray | None = None) -> str:
        """Upload windows of a task, the first of them with ``answers``; return the dataset's name."""
        dataset = datasets_pb2.Dataset(
            sensor=sensor_of(task.sensor), classes=task.classes, outputs=channels_of(task.outputs)
        )
        request = datasets_pb2.CreateDatasetRequest(dataset_id=name, dataset=dataset)
        full = str(self.server.datasets.CreateDataset(request, timeout=TIMEOUT).name)
        known = 0 if answers is None else len(answers)
        messages = [header(full, len(values), sensor=dataset.sensor)]
        if answers is not None:
            message = batch(0, values[:known], () if task.outputs else answers.tolist())
            if task.outputs:
                message.batch.targets.extend(answers.astype(np.float32).ravel().tolist())
            messages.append(message)
        if known < len(values):
            messages.append(batch(known, values[known:]))
        self.server.datasets.UploadWindows(iter(messages), timeout=TIMEOUT)
        return full

    def run(self, **spec: Any) -> Any:
        """Run a job to its end."""
        name = create_job(self.server, **spec).name
        assert run_next(self.place)
        return self.server.jobs.GetJob(pb.GetJobRequest(name=name), timeout=TIMEOUT)

    def fetch(self, name: str) -> bytes:
        """A file of a version or of a job."""
        request = models_pb2.DownloadArtifactRequest(name=name)
        return b"".join(piece.data for piece in self.server.models.DownloadArtifact(request, timeout=TIMEOUT))

    def receipt(self, job: Any) -> Receipt:
        """Of the version that a job made, or of the job."""
        assert job.state == pb.Job.SUCCEEDED, job.error
        return Receipt.from_json(json.loads(self.fetch(f"{job.result.version or job.name}/artifacts/receipt")))

    def close(self) -> None:
        """Let go of the catalogue."""
        self.place.catalogue.close()


def channels_of(channels: Any) -> list[spec_pb2.Channel]:
    """As messages."""
    return [spec_pb2.Channel(name=channel.name, unit=channel.unit) for channel in channels]


def sensor_of(sensor: SensorSpec) -> spec_pb2.SensorSpec:
    """As a message."""
    return spec_pb2.SensorSpec(
        channels=channels_of(sensor.channels), rate_hz=sensor.rate_hz, window_length=sensor.window_length
    )
