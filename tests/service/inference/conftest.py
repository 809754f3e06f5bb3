"""A running server with models to ask, and what a test needs to ask them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from service.blobs import Blobs, open_blobs
from service.catalogue.engine import Catalogue, database_url
from service.inference.stubs import grpc_service_pb2_grpc
from slipway.spec import Channel, SensorSpec, TaskSpec
from tests.service.inference.bundles import batch_dependent, bundle, dense, point, publish, task_of
from tests.service.process import ServerProcess


@dataclass(frozen=True)
class Shelf:
    """What the server offers.

    Args:
        rover: bundles of versions 1 ("stable") and 2 ("candidate") of the model "rover"; version 3 has none.
        mixing: bundle of "mixing", whose graph answers a window by what else is in the batch.
        arm: bundle of "arm", a regression.
    """

    address: str
    catalogue: Catalogue
    blobs: Blobs
    rover: tuple[bytes, bytes]
    mixing: bytes
    arm: bytes

    def move(self, channel: str, number: int) -> None:
        """Point a channel of "rover" at a version."""
        point(self.catalogue, "rover", channel, number)


@pytest.fixture(scope="module")
def shelf(server: ServerProcess) -> Iterator[Shelf]:
    """Fill the catalogue of the running server."""
    catalogue = Catalogue(database_url("", server.folder))
    blobs = open_blobs("", server.folder)
    rover, mixing, arm = task_of("rover"), task_of("mixing"), regression("arm")
    contents = tuple(bundle(dense(rover, seed), rover, seed) for seed in (1, 2))
    for content, channel in zip(contents, ("stable", "candidate"), strict=True):
        publish(catalogue, blobs, content, rover, channel)
    publish(catalogue, blobs, None, rover)
    mixed = bundle(batch_dependent(mixing, 3), mixing)
    publish(catalogue, blobs, mixed, mixing, "stable")
    arms = bundle(dense(arm, 4), arm)
    publish(catalogue, blobs, arms, arm, "stable")
    faulty = task_of("faulty")
    publish(catalogue, blobs, bundle(dense(faulty, 5), faulty, fault=0.5), faulty, "stable")
    yield Shelf(server.address, catalogue, blobs, (contents[0], contents[1]), mixed, arms)
    catalogue.close()


def regression(model: str) -> TaskSpec:
    """A task that asks for two quantities."""
    sensor = SensorSpec((Channel("left", "m"), Channel("right", "m")), 10.0, 3)
    return TaskSpec(model, sensor, outputs=(Channel("shoulder", "N.m"), Channel("elbow", "N.m")))


@pytest.fixture(scope="module")
def stub(server: ServerProcess, shelf: Shelf) -> grpc_service_pb2_grpc.GRPCInferenceServiceStub:
    """A client of the protocol."""
    return grpc_service_pb2_grpc.GRPCInferenceServiceStub(server.channel())


Same = Callable[[np.ndarray, np.ndarray], bool]


@pytest.fixture
def same() -> Same:
    """Whether two arrays hold the same bits in the same shape."""
    return lambda one, other: one.shape == other.shape and one.tobytes() == other.tobytes()
