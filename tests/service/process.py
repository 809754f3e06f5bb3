"""The real server as a process on a loopback port, and what a test needs to talk to it."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from service.config import Config, to_environment
from slipway.v1 import datasets_pb2, datasets_pb2_grpc, jobs_pb2_grpc, models_pb2_grpc, spec_pb2, updates_pb2_grpc

ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0
TIMEOUT = 30.0

SENSOR = spec_pb2.SensorSpec(
    channels=[spec_pb2.Channel(name="left", unit="m"), spec_pb2.Channel(name="right", unit="m")],
    rate_hz=10.0,
    window_length=3,
)
WINDOW_BYTES = 3 * 2 * 4


class ServerProcess:
    """A server that can be started, killed and started again on the same folder.

    Args:
        folder: its data folder.
        settings: fields of ``Config``; no workers unless asked for.
    """

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.config = Config(**{"data_folder": folder, "address": "127.0.0.1:0", "worker_count": 0, **settings})
        self.folder = folder
        self.log = folder.parent / f"{folder.name}.log"
        self.address = ""
        self.process: subprocess.Popen[bytes] | None = None
        self._channels: list[grpc.Channel] = []

    def start(self) -> "ServerProcess":
        """Start, and wait until it says where it listens."""
        (self.folder / "server.json").unlink(missing_ok=True)
        with self.log.open("ab") as log:
            environment = {**os.environ, **to_environment(self.config)}
            command = [sys.executable, "-m", "service"]
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        self.address = json.loads(wait_for(self._ready, START_SECONDS))["address"]
        return self

    def _ready(self) -> str:
        if self.process is None or self.process.poll() is not None:
            raise RuntimeError(f"the server ended:\n{self.log.read_text()}")
        path = self.folder / "server.json"
        return path.read_text() if path.exists() else ""

    def kill(self) -> None:
        """``kill -9``."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; return the exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        for channel in self._channels:
            channel.close()
        self._channels.clear()
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(TIMEOUT)
        return code

    def restart(self) -> "ServerProcess":
        """Kill and start again; the port is another one."""
        self.kill()
        return self.start()

    def channel(self) -> grpc.Channel:
        """A new connection."""
        channel = grpc.insecure_channel(self.address)
        self._channels.append(channel)
        return channel

    @property
    def datasets(self) -> Any:
        """A client of Datasets."""
        return datasets_pb2_grpc.DatasetsStub(self.channel())

    @property
    def jobs(self) -> Any:
        """A client of Jobs."""
        return jobs_pb2_grpc.JobsStub(self.channel())

    @property
    def models(self) -> Any:
        """A client of Models."""
        return models_pb2_grpc.ModelsStub(self.channel())

    @property
    def updates(self) -> Any:
        """A client of Updates."""
        return updates_pb2_grpc.UpdatesStub(self.channel())


def wait_for(question: Callable[[], Any], seconds: float = TIMEOUT) -> Any:
    """Ask until the answer is true; return it.

    Raises:
        TimeoutError: it never was.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = question()
        if answer:
            return answer
        time.sleep(0.01)
    raise TimeoutError(f"{question} was not true within {seconds} s")


def refusal(call: Callable[[], object]) -> tuple[str, error_details_pb2.ErrorInfo, status_pb2.Status]:
    """The status code's name, the one ErrorInfo and the whole status of a call that must be refused."""
    try:
        answer = call()
    except grpc.RpcError as error:
        status = rpc_status.from_call(error)
        assert status is not None, error
        infos = [_unpacked(any_) for any_ in status.details if any_.Is(error_details_pb2.ErrorInfo.DESCRIPTOR)]
        assert len(infos) == 1, "exactly one ErrorInfo"
        return error.code().name, infos[0], status
    raise AssertionError(f"was not refused: {answer}")


def _unpacked(any_: Any) -> error_details_pb2.ErrorInfo:
    info = error_details_pb2.ErrorInfo()
    any_.Unpack(info)
    return info


def create_dataset(server: ServerProcess, name: str, classes: Sequence[str] = ("go", "stop")) -> str:
    """Create a dataset of ``SENSOR``; return its resource name."""
    dataset = datasets_pb2.Dataset(sensor=SENSOR, classes=classes)
    request = datasets_pb2.CreateDatasetRequest(dataset_id=name, dataset=dataset)
    return str(server.datasets.CreateDataset(request, timeout=TIMEOUT).name)


def sensor_with(**changes: Any) -> spec_pb2.SensorSpec:
    """``SENSOR`` with other fields; channels as (name, unit)."""
    changed = spec_pb2.SensorSpec()
    changed.CopyFrom(SENSOR)
    for key, value in changes.items():
        if key == "channels":
            del changed.channels[:]
            changed.channels.extend(spec_pb2.Channel(name=name, unit=unit) for name, unit in value)
        else:
            setattr(changed, key, value)
    return changed


def created(server: ServerProcess, request_id: str = "", dataset_id: str = "", **dataset: Any) -> Any:
    """Create a dataset of ``SENSOR`` with any fields; return it."""
    message = datasets_pb2.Dataset(**{"sensor": SENSOR, **dataset})
    request = datasets_pb2.CreateDatasetRequest(dataset_id=dataset_id, dataset=message, request_id=request_id)
    return server.datasets.CreateDataset(request, timeout=TIMEOUT)


def windows(count: int, seed: int = 0) -> np.ndarray:
    """Random windows (count, 3, 2)."""
    return np.random.default_rng(seed).normal(size=(count, 3, 2)).astype("<f4")


def header(dataset: str, count: int, upload_id: str = "", **fields: Any) -> datasets_pb2.UploadWindowsRequest:
    """The first message of an upload."""
    fields = {"sensor": SENSOR, **fields}
    message = datasets_pb2.UploadHeader(
        dataset=dataset, upload_id=upload_id or str(uuid.uuid4()), window_count=count, **fields
    )
    return datasets_pb2.UploadWindowsRequest(header=message)


def batch(offset: int, values: np.ndarray | bytes, labels: Sequence[int] = ()) -> datasets_pb2.UploadWindowsRequest:
    """Another message of an upload."""
    data = values if isinstance(values, bytes) else np.ascontiguousarray(values, "<f4").tobytes()
    return datasets_pb2.UploadWindowsRequest(batch=datasets_pb2.WindowBatch(offset=offset, values=data, labels=labels))


def batches(
    values: np.ndarray, labels: Sequence[int] = (), first: int = 0, size: int = 4
) -> Iterator[datasets_pb2.UploadWindowsRequest]:
    """All windows from ``first`` on in batches of ``size``."""
    for offset in range(first, len(values), size):
        yield batch(offset, values[offset : offset + size], labels[offset : offset + size])


def upload(
    server: ServerProcess, dataset: str, values: np.ndarray, labels: Sequence[int] = (), upload_id: str = ""
) -> Any:
    """Upload windows; return the Upload."""
    messages = iter([header(dataset, len(values), upload_id), *batches(values, labels)])
    return server.datasets.UploadWindows(messages, timeout=TIMEOUT)


def get_dataset(server: ServerProcess, name: str) -> Any:
    """Read a dataset."""
    return server.datasets.GetDataset(datasets_pb2.GetDatasetRequest(name=name), timeout=TIMEOUT)
