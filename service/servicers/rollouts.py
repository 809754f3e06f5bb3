"""Rollouts, policies, and what devices told."""

from asyncio import sleep, to_thread
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any

from sqlalchemy import Connection

from service import names, pages
from service.catalogue import devices, policies, policy_moves, reports, rollout_moves, rollouts
from service.catalogue.engine import Catalogue
from service.catalogue.rollouts import Staged
from service.clock import now_us
from service.convert import policies as convert_policies
from service.convert import rollouts as convert
from service.convert.common import need, request_key, text
from service.convert.models import MESSAGE_LIMIT_CHARS
from service.convert.reports import device_to
from service.trust.signed import Signed
from slipway.errors import Reason, Refused
from slipway.v1 import rollouts_pb2 as pb
from slipway.v1.rollouts_pb2_grpc import RolloutsServicer

SERVICE = "slipway.v1.Rollouts"
DEFAULT_CHANNEL = "stable"
ABORTED = "somebody stopped it"
SIGNING_SECONDS = 5.0  # the publisher looks every second
POLL_SECONDS = 0.2


class Rollouts(RolloutsServicer):
    """How versions reach a fleet."""

    def __init__(self, catalogue: Catalogue, signed: Signed) -> None:
        self._catalogue = catalogue
        self._signed = signed

    async def CreateRollout(self, request: pb.CreateRolloutRequest, context: Any) -> pb.Rollout:
        """Begin a rollout."""
        model_id = names.model_id(request.parent, "parent")
        need(request, "rollout", "rollout")
        asked = request.rollout
        channel = f"{request.parent}/channels/{asked.channel or DEFAULT_CHANNEL}"
        _, channel_id = names.channel_key(channel, "rollout.channel")
        owner, number = names.version_key(asked.version, "rollout.version")
        if owner != model_id:
            words = {"problem": f"needs a version of models/{model_id}", "found": asked.version}
            remedy = "A rollout brings a version of its own model."
            raise Refused(Reason.FIELD_INVALID, field="rollout.version", **words, remedy=remedy)
        limits = convert.limits_from(asked.plan, "rollout.plan")
        key = request_key(request, request.request_id)
        create = partial(rollout_moves.create, limits=limits, request=key, now_us=now_us(), signed=self._signed)
        found = await self._once_signed(lambda connection: create(connection, model_id, channel_id, number))
        return convert.rollout_to(found)

    async def GetRollout(self, request: pb.GetRolloutRequest, context: Any) -> pb.Rollout:
        """Return one rollout."""
        model_id, number = names.rollout_key(request.name, "name")
        return convert.rollout_to(await to_thread(self._catalogue.read, rollouts.get, model_id, number))

    async def ListRollouts(self, request: pb.ListRolloutsRequest, context: Any) -> pb.ListRolloutsResponse:
        """List a model's rollouts, newest first."""
        model_id, scope = names.model_id(request.parent, "parent"), f"{request.parent}/rollouts"
        limit, after = pages.size(request.page_size), pages.after_number(request.page_token, scope)
        rows = await to_thread(self._catalogue.read, rollouts.page, model_id, after, limit + 1)
        page, token = pages.page(rows, limit, scope, lambda row: str(row.number), convert.rollout_to)
        return pb.ListRolloutsResponse(rollouts=page, next_page_token=token)

    async def PauseRollout(self, request: pb.PauseRolloutRequest, context: Any) -> pb.Rollout:
        """Stop a rollout for a while."""
        model_id, number = names.rollout_key(request.name, "name")
        found = await to_thread(self._catalogue.write, rollout_moves.pause, model_id, number, now_us())
        return convert.rollout_to(found)

    async def ResumeRollout(self, request: pb.ResumeRolloutRequest, context: Any) -> pb.Rollout:
        """Let it go on."""
        model_id, number = names.rollout_key(request.name, "name")
        found = await to_thread(self._catalogue.write, rollout_moves.resume, model_id, number, now_us())
        return convert.rollout_to(found)

    async def AbortRollout(self, request: pb.AbortRolloutRequest, context: Any) -> pb.Rollout:
        """End it."""
        model_id, number = names.rollout_key(request.name, "name")
        why = text(request.reason, "reason", limit=MESSAGE_LIMIT_CHARS) or ABORTED
        found = await to_thread(self._catalogue.write, rollout_moves.abort, model_id, number, why, now_us())
        return convert.rollout_to(found)

    async def GetPolicy(self, request: pb.GetPolicyRequest, context: Any) -> pb.Policy:
        """Return what a model does about drift by itself."""
        model_id = names.policy_model(request.name, "name")
        return convert_policies.policy_to(await to_thread(self._catalogue.read, policies.get, model_id))

    async def UpdatePolicy(self, request: pb.UpdatePolicyRequest, context: Any) -> pb.Policy:
        """Set what a model does about drift by itself."""
        need(request, "policy", "policy")
        model_id, enabled, settings = convert_policies.settings_from(request.policy)
        write = partial(policy_moves.put, now_us=now_us())
        found = await to_thread(self._catalogue.write, write, model_id, settings, enabled)
        return convert_policies.policy_to(found)

    async def GetDevice(self, request: pb.GetDeviceRequest, context: Any) -> pb.Device:
        """Return what one device told last."""
        device_id = names.device_id(request.name, "name")
        device = await to_thread(self._catalogue.read, devices.get, device_id)
        told = await to_thread(self._catalogue.read, reports.of_device, device_id)
        return device_to(device, tuple(reversed(told)))

    async def ListDevices(self, request: pb.ListDevicesRequest, context: Any) -> pb.ListDevicesResponse:
        """List devices by id."""
        model_id = names.model_id(request.model, "model") if request.model else ""
        scope = f"devices of {model_id}"
        limit, after = pages.size(request.page_size), pages.after(request.page_token, scope)
        rows = await to_thread(self._catalogue.read, devices.page, model_id, after, limit + 1)
        page, token = pages.page(rows, limit, scope, lambda row: row.id, device_to)
        return pb.ListDevicesResponse(devices=page, next_page_token=token)

    async def _once_signed(self, create: Callable[[Connection], Staged]) -> Staged:
        """Begin, but give the publisher time to sign what the gate promoted just now."""
        end = monotonic() + SIGNING_SECONDS
        while True:
            try:
                return await to_thread(self._catalogue.write, create)
            except Refused as refused:
                if refused.reason is not Reason.TARGET_NOT_SIGNED or monotonic() > end:
                    raise
            await sleep(POLL_SECONDS)
