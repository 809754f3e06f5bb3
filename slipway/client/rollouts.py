"""The client's calls about rollouts, policies and devices."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from slipway.client.convert import to_value
from slipway.client.pages import PAGE_SIZE
from slipway.client.rollout_values import (
    Device,
    DeviceEvent,
    Policy,
    PolicyEvent,
    Rollout,
    RolloutEvent,
    RolloutPlan,
    RolloutSignal,
)
from slipway.names import dataset_name, model_name, version_name
from slipway.transport import ask
from slipway.v1 import jobs_pb2, rollouts_pb2, rollouts_pb2_grpc


def rollout_name(name: str) -> str:
    """The resource name of a rollout, from itself or "rover/3"."""
    return name if name.startswith("models/") else version_name(name).replace("/versions/", "/rollouts/")


def plan(stages: Sequence[float] = (), **limits: float | int | None) -> rollouts_pb2.RolloutPlan:
    """How a rollout is judged; what is left out, or None, has its default.

    Args:
        stages: shares of the fleet, growing, the last one 1.
        limits: ``loss``, ``slower``, ``exceptions``, ``error``, ``report_count``, ``device_count``.
    """
    given: dict[str, Any] = {name: value for name, value in limits.items() if value is not None}
    return rollouts_pb2.RolloutPlan(stages=stages, **given)


class Rollouts:
    """Calls of ``slipway.v1.Rollouts``. Every method raises ``ServerRefused`` or ``ServerUnreachable``."""

    def __init__(self, channel: object, address: str) -> None:
        self._stub = rollouts_pb2_grpc.RolloutsStub(channel)
        self._address = address

    def start(
        self,
        version: str,
        *,
        channel: str = "",
        plan: rollouts_pb2.RolloutPlan | None = None,
        request_id: str | None = None,
    ) -> Rollout:
        """Begin to bring a version to a channel's fleet.

        Args:
            version: "rover/3" or its resource name.
            channel: that is to move; empty means "stable".
            plan: as ``plan`` makes it.
            request_id: a UUID; the same one again returns what the first request began.
        """
        full = version_name(version)
        rollout = rollouts_pb2.Rollout(channel=channel, version=full, plan=plan)
        parent, chosen = full.partition("/versions/")[0], request_id or str(uuid.uuid4())
        request = rollouts_pb2.CreateRolloutRequest(parent=parent, rollout=rollout, request_id=chosen)
        return _rollout(ask(self._stub.CreateRollout, request, self._address))

    def get(self, name: str) -> Rollout:
        """One rollout, named "rover/3" or "models/rover/rollouts/3"."""
        request = rollouts_pb2.GetRolloutRequest(name=rollout_name(name))
        return _rollout(ask(self._stub.GetRollout, request, self._address))

    def list(self, model: str) -> Iterator[Rollout]:
        """A model's rollouts, newest first."""
        parent = model_name(model)
        pages = self._pages(self._stub.ListRollouts, rollouts_pb2.ListRolloutsRequest, parent=parent)
        return (_rollout(each) for page in pages for each in page.rollouts)

    def pause(self, name: str) -> Rollout:
        """Stop it for a while."""
        request = rollouts_pb2.PauseRolloutRequest(name=rollout_name(name))
        return _rollout(ask(self._stub.PauseRollout, request, self._address))

    def resume(self, name: str) -> Rollout:
        """Let it go on."""
        request = rollouts_pb2.ResumeRolloutRequest(name=rollout_name(name))
        return _rollout(ask(self._stub.ResumeRollout, request, self._address))

    def abort(self, name: str, reason: str = "") -> Rollout:
        """End it: whoever has the candidate goes back."""
        request = rollouts_pb2.AbortRolloutRequest(name=rollout_name(name), reason=reason)
        return _rollout(ask(self._stub.AbortRollout, request, self._address))

    def policy(self, model: str) -> Policy:
        """What a model does about drift by itself."""
        return _policy(self._policy(model))

    def set_policy(
        self,
        model: str,
        target: str,
        *,
        channel: str = "",
        drift_limit: float = 0.0,
        device_count: int = 0,
        rest_hours: float = 0.0,
        adaptation: jobs_pb2.AdaptSpec | None = None,
        plan: rollouts_pb2.RolloutPlan | None = None,
    ) -> Policy:
        """Let a model see to drift by itself from now on; 0, "" and None mean the default.

        Args:
            target: dataset that the drifting devices send windows to.
            channel: that devices follow.
            drift_limit: drift from which a device counts.
            device_count: drifting devices that begin an adaptation.
            rest_hours: between the end of one round and the start of the next.
            adaptation: how to adapt; its base and target are filled in by the server.
            plan: of its rollouts.
        """
        policy = rollouts_pb2.Policy(
            name=f"{model_name(model)}/policy",
            enabled=True,
            channel=channel,
            drift_limit=drift_limit,
            device_count=device_count,
            adaptation=adaptation,
            target=dataset_name(target),
            plan=plan,
            rest_hours=rest_hours,
        )
        request = rollouts_pb2.UpdatePolicyRequest(policy=policy)
        return _policy(ask(self._stub.UpdatePolicy, request, self._address))

    def switch_off_policy(self, model: str) -> Policy:
        """Do nothing by itself any more; the job or rollout that it began is stopped."""
        policy = self._policy(model)
        policy.enabled = False
        request = rollouts_pb2.UpdatePolicyRequest(policy=policy)
        return _policy(ask(self._stub.UpdatePolicy, request, self._address))

    def device(self, name: str) -> Device:
        """One device with its history."""
        full = name if name.startswith("devices/") else f"devices/{name}"
        return _device(ask(self._stub.GetDevice, rollouts_pb2.GetDeviceRequest(name=full), self._address))

    def devices(self, model: str = "") -> Iterator[Device]:
        """Devices by id: all, or those that run a version of ``model``."""
        named = model_name(model) if model else ""
        pages = self._pages(self._stub.ListDevices, rollouts_pb2.ListDevicesRequest, model=named)
        return (_device(each) for page in pages for each in page.devices)

    def _policy(self, model: str) -> Any:
        request = rollouts_pb2.GetPolicyRequest(name=f"{model_name(model)}/policy")
        return ask(self._stub.GetPolicy, request, self._address)

    def _pages(self, method: Callable[..., Any], request: Callable[..., Any], **fixed: str) -> Iterator[Any]:
        token = ""
        while True:
            page = ask(method, request(page_size=PAGE_SIZE, page_token=token, **fixed), self._address)
            yield page
            token = page.next_page_token
            if not token:
                return


def _rollout(message: Any) -> Rollout:
    plain = to_value(message)
    signals = tuple(RolloutSignal(row["name"], row["alarm"], row["pass"], row["mean"]) for row in plain["signals"])
    events = tuple(RolloutEvent(**row) for row in plain["events"])
    return Rollout(**{**plain, "plan": RolloutPlan(**plain["plan"]), "signals": signals, "events": events})


def _policy(message: Any) -> Policy:
    plain = to_value(message)
    events = tuple(PolicyEvent(**row) for row in plain["events"])
    return Policy(**{**plain, "plan": RolloutPlan(**plain["plan"]), "events": events})


def _device(message: Any) -> Device:
    plain = to_value(message)
    history = tuple(DeviceEvent(**row) for row in plain["history"])
    drift = message.drift if message.HasField("drift") else None
    return Device(**{**plain, "drift": drift, "history": history})
