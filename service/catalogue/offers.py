"""What a device is to hear when it asks: which version runs, which runs beside it, and the ways there."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache

from sqlalchemy import Connection

from service.catalogue import channels, devices, models, rollouts
from service.catalogue.devices import Device
from service.catalogue.records import Artifact, ModelChannel
from service.catalogue.rollouts import Shown
from service.names import rollout_name, version_name
from service.rollout.offers import Place, place
from slipway.errors import Refused


@dataclass(frozen=True)
class Offered:
    """A version for a device.

    Args:
        version: its name.
        bundle: to install.
        deltas: shorter than the bundle, that fit what the device holds, the smallest first.
    """

    version: str
    bundle: Artifact
    deltas: tuple[Artifact, ...]


@dataclass(frozen=True)
class Found:
    """An offer.

    Args:
        serial: moves of the channel.
        offered: the version to run.
        candidate: the version to run beside it; None where no rollout asks this device to.
        rollout: name of the rollout that asks.
        is_new: whether the device was not heard of here today.
    """

    serial: int
    offered: Offered
    candidate: Offered | None
    rollout: str
    is_new: bool


@dataclass(frozen=True)
class Asked:
    """A device's question; an empty ``device_id`` takes part in nothing."""

    model_id: str
    channel_id: str
    device_id: str
    held: tuple[str, ...]
    time_us: int


def find_all(connection: Connection, asked: Sequence[Asked]) -> list[Found | Refused]:
    """What their channels point at for many devices; whatever several share is read once.

    A refusal is MODEL_NOT_FOUND, CHANNEL_NOT_FOUND or ARTIFACT_NOT_FOUND.
    """
    known = devices.some(connection, {each.device_id for each in asked if each.device_id})

    @cache
    def channel(model_id: str, channel_id: str) -> ModelChannel:
        return channels.get(connection, model_id, channel_id, "model")

    @cache
    def shown(model_id: str, channel_id: str) -> Shown | None:
        return rollouts.shown_on(connection, channel(model_id, channel_id))

    @cache
    def offered(model_id: str, number: int, held: tuple[str, ...]) -> Offered:
        return _offered(connection, model_id, number, held)

    def find(each: Asked) -> Found | Refused:
        try:
            here = channel(each.model_id, each.channel_id)
            rollout = shown(each.model_id, each.channel_id) if each.device_id else None
            runs, beside = _numbers(here, rollout, each.device_id)
            return Found(
                serial=here.serial,
                offered=offered(each.model_id, runs, each.held),
                candidate=None if beside is None else offered(each.model_id, beside, each.held),
                rollout=rollout_name(each.model_id, rollout.number) if rollout else "",
                is_new=bool(each.device_id) and _is_new(known.get(each.device_id), each),
            )
        except Refused as refusal:
            return refusal

    return [find(each) for each in asked]


def _numbers(channel: ModelChannel, shown: Shown | None, device_id: str) -> tuple[int, int | None]:
    """The version to run, and the one to run beside it."""
    where = Place.OLD if shown is None else _place(shown, device_id)
    runs = shown.version if shown and where is Place.NEW else channel.number
    return runs, shown.version if shown and where is Place.SHADOW else None


def _place(shown: Shown, device_id: str) -> Place:
    return place(shown.plan.salt, shown.plan.stages, shown.stage, shown.paused, device_id)


def _offered(connection: Connection, model_id: str, number: int, held: Collection[str]) -> Offered:
    bundle = models.artifact(connection, model_id, number, models.BUNDLE, "model")
    name = version_name(model_id, number)
    if bundle.sha256 in held:  # nothing needs to travel
        return Offered(name, bundle, ())
    deltas = models.deltas(connection, model_id, number, held)
    return Offered(name, bundle, tuple(each for each in deltas if each.size_bytes < bundle.size_bytes))


def _is_new(known: Device | None, asked: Asked) -> bool:
    if known is None or asked.time_us - known.seen_us >= devices.DAY_US:
        return True
    return (known.model_id, known.channel_id) != (asked.model_id, asked.channel_id)
