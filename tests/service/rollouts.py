"""A model with versions to roll out on a real server, and devices as thin clients of it."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from service.catalogue import models
from service.clock import now_us
from service.domain import Decision, Lineage, NewVersion
from service.rollout.plan import lot
from slipway.v1 import models_pb2, rollouts_pb2_grpc
from slipway.v1 import rollouts_pb2 as pb
from slipway.v1 import updates_pb2 as updates
from tests.service.pipelines import TASK
from tests.service.process import TIMEOUT, ServerProcess
from tests.service.work import place_of

QUICK: dict[str, Any] = {"report_count": 1, "device_count": 1, "error": 0.2, "loss": 0.2}
BETTER = {"window_count": 100, "confidence": 0.95, "confidence_before": 0.55}
WORSE = {"window_count": 100, "confidence": 0.2, "confidence_before": 0.95}


def calls(server: ServerProcess) -> Any:
    """A client of Rollouts, on one connection for all tests of a server."""
    return _calls(server, server.address)


@cache
def _calls(server: ServerProcess, address: str) -> Any:
    return rollouts_pb2_grpc.RolloutsStub(server.channel())


def model_with(server: ServerProcess, model: str, count: int = 2, promoted: bool = False) -> str:
    """A model of so many installable versions, whose channel ``stable`` points at the first; its name.

    Args:
        promoted: the gate has let those after the first through.
    """
    place = place_of(server)
    for number in range(1, count + 1):
        data = f"bundle {number} of {model}".encode()
        decision = Decision("head", True, "as the gate found") if promoted and number > 1 else None
        new = NewVersion(model, TASK.to_json(), Lineage("mlp", decision=decision), 1, {})
        stored = {models.BUNDLE: (place.blobs.put(data), len(data))}
        name = place.catalogue.write(models.add_version, new, stored, "", now_us())
        assert name == f"models/{model}/versions/{number}"
    place.catalogue.close()
    point(server, model, 1)
    return f"models/{model}"


def point(server: ServerProcess, model: str, number: int) -> None:
    """Move ``stable`` by hand."""
    channel = models_pb2.ModelChannel(
        name=f"models/{model}/channels/stable", version=f"models/{model}/versions/{number}"
    )
    server.models.UpdateChannel(models_pb2.UpdateChannelRequest(channel=channel, allow_missing=True), timeout=TIMEOUT)


def begin(server: ServerProcess, model: str, number: int, request_id: str = "", **plan: Any) -> Any:
    """Begin a rollout of a version on ``stable``."""
    rollout = pb.Rollout(version=f"models/{model}/versions/{number}", plan=pb.RolloutPlan(**plan))
    request = pb.CreateRolloutRequest(parent=f"models/{model}", rollout=rollout, request_id=request_id)
    return calls(server).CreateRollout(request, timeout=TIMEOUT)


def look(server: ServerProcess, rollout: str) -> Any:
    """A rollout as it stands."""
    return calls(server).GetRollout(pb.GetRolloutRequest(name=rollout), timeout=TIMEOUT)


def who(rollout: str, low: float, high: float, count: int = 1) -> list[str]:
    """Ids of devices whose lot in a rollout lies in a range."""
    ids = (f"{rollout.split('/')[1]}-{number}" for number in range(10**6))
    found = (each for each in ids if low <= lot(rollout, each) < high)
    return [next(found) for _ in range(count)]


@dataclass
class Device:
    """A device that asks and reports, and does nothing else."""

    server: ServerProcess
    model: str
    id: str
    sequence: int = 0

    def __post_init__(self) -> None:
        self.calls = self.server.updates

    def offer(self) -> Any:
        """What it is to run."""
        request = updates.GetMetadataRequest(model=f"models/{self.model}", device_id=self.id)
        return self.calls.GetMetadata(request, timeout=TIMEOUT)

    def runs(self) -> tuple[int, int]:
        """(version, candidate) that it is offered; 0 for no candidate."""
        offer = self.offer()
        beside = offer.candidate.version if offer.HasField("candidate") else "/0"
        return int(offer.version.rpartition("/")[2]), int(beside.rpartition("/")[2])

    def tell(
        self, rollout: str, *, version: int = 1, sequence: int = 0, drift: float | None = None, **comparison: Any
    ) -> None:
        """Report how the candidate does, and how far from home the device is."""
        self.sequence = sequence or self.sequence + 1
        said = updates.Comparison(rollout=rollout, **comparison)
        self.calls.ReportHealth(self.health(version, comparison=said, drift=drift), timeout=TIMEOUT)

    def health(self, version: int = 1, **fields: Any) -> updates.ReportHealthRequest:
        """A report."""
        name = f"models/{self.model}/versions/{version}"
        given = {"sequence": self.sequence, "window_count": 100, **fields}
        return updates.ReportHealthRequest(device_id=self.id, version=name, **given)

    def status(self, version: int, state: str, reason: str = "") -> None:
        """Report how an update went."""
        name = f"models/{self.model}/versions/{version}"
        request = updates.ReportStatusRequest(device_id=self.id, version=name, state=state, reason=reason)
        self.calls.ReportStatus(request, timeout=TIMEOUT)
