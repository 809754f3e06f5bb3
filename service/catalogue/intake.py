"""What many devices told, in one transaction: each rollout is read once, told every report in turn, and kept."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from sqlalchemy import Connection, select, tuple_

from service.catalogue import devices, models, policies, reports, rollout_moves, rollouts
from service.catalogue.devices import Device
from service.catalogue.reports import Report
from service.catalogue.rollouts import Staged
from service.catalogue.tables import versions
from service.loop.policy import Settings
from service.rollout import crashes, events, judge
from service.rollout.events import Happened
from service.rollout.health import Health
from slipway.errors import Refused

Key: TypeAlias = tuple[str, int]


@dataclass(frozen=True)
class Seen:
    """A device asks what its channel points at."""

    device_id: str
    model_id: str
    channel_id: str
    time_us: int


@dataclass(frozen=True)
class Told:
    """A device's report on how its model does.

    Args:
        device_id: who says it.
        model_id: of the version that answers.
        number: of that version.
        sequence: of the report.
        window_count: answered since the report before.
        drift: of the input; None if unknown.
        rollout: (model, number) of the rollout that ``health`` is about.
        health: how its candidate did; None where there is none.
        time_us: when it came.
    """

    device_id: str
    model_id: str
    number: int
    sequence: int
    window_count: int
    drift: float | None
    rollout: Key | None
    health: Health | None
    time_us: int


Item: TypeAlias = Seen | Report | Told


def take(connection: Connection, items: Sequence[Item]) -> list[Refused | None]:
    """Enter what came, in its order.

    Returns:
        For each item why it was refused; None where it was taken. One that is refused changes nothing.
    """
    batch = _Batch(connection, items)
    refusals = [batch.take(item) for item in items]
    batch.keep()
    return refusals


class _Batch:
    """The rows that a batch is about, read once and written once."""

    def __init__(self, connection: Connection, items: Sequence[Item]) -> None:
        self._connection = connection
        self._now_us = max((item.time_us for item in items), default=0)
        self._before = devices.some(connection, [item.device_id for item in items])
        self._devices = dict(self._before)
        self._versions = _known(connection, {(i.model_id, i.number) for i in items if not isinstance(i, Seen)})
        self._rollouts: dict[Key, Staged] = {}
        self._happened: dict[Key, list[Happened]] = {}
        self._judged: dict[Key, judge.Rollout] = {}
        self._newcomers: dict[Key, tuple[int, ...]] = {}
        self._limits: dict[Key, float] = {}
        self._reports: list[Report] = []

    def take(self, item: Item) -> Refused | None:
        try:
            match item:
                case Seen():
                    self._see(item)
                case Report():
                    self._status(item)
                case Told():
                    self._health(item)
        except Refused as refused:
            return refused
        return None

    def keep(self) -> None:
        changed = [device for key, device in self._devices.items() if device != self._before.get(key)]
        devices.keep(self._connection, self._before.keys(), changed)
        reports.add_all(self._connection, self._reports)
        for key, judged in self._judged.items():
            if judged is not self._rollouts[key].judged:
                rollout_moves.save(self._connection, self._rollouts[key], judged, self._happened[key], self._now_us)

    def _see(self, item: Seen) -> None:
        device = self._device(item)
        other: dict[str, Any] = {} if device.model_id == item.model_id else {"number": None, "drift": None}
        self._devices[item.device_id] = replace(device, model_id=item.model_id, channel_id=item.channel_id, **other)

    def _status(self, item: Report) -> None:
        self._need_version(item.model_id, item.number)
        device = replace(self._device(item), report_us=item.time_us)
        if item.state == "INSTALLED" and (device.model_id, device.number) != (item.model_id, item.number):
            device = replace(device, number=item.number, drift=None, **_of_model(device, item.model_id))
        self._devices[item.device_id] = device
        if crashes.is_crash(item.state, item.reason):
            for found in rollouts.running_of(self._connection, item.model_id, item.number):
                if not self._crashed_before(item, found):
                    self._tell(found, crashes.crash(item.device_id))
        self._reports.append(item)

    def _health(self, item: Told) -> None:
        self._need_version(item.model_id, item.number)
        device = self._device(item)
        if item.sequence <= device.sequence:
            return
        found = None if item.rollout is None else self._rollout(item.rollout)
        self._devices[item.device_id] = replace(
            device,
            **_of_model(device, item.model_id),
            number=item.number,
            drift=item.drift,
            window_count=device.window_count + item.window_count,
            sequence=item.sequence,
            report_us=item.time_us,
        )
        if found is not None and item.health is not None and _compares(found, item):
            away = item.drift is not None and item.drift >= self._away_drift(found)
            self._tell(found, replace(item.health, away=away))

    def _tell(self, found: Staged, health: Health) -> None:
        key = self._begin(found)
        before = self._judged[key]
        after = judge.told(before, health)
        self._happened[key] += events.reported(before, after)
        if judge.short_of_devices(after) or after.stage != before.stage:
            waiting, after = after, judge.settled(after, self._brought(found))
            self._happened[key] += events.settled(waiting, after)
        self._judged[key] = after

    def _away_drift(self, found: Staged) -> float:
        """From which drift on the old model's confidence is no measure: where the gate has judged the candidate."""
        key = (found.model_id, found.version)
        if key not in self._limits:
            decision = models.version(self._connection, *key, "version").lineage.decision
            policy = policies.find(self._connection, found.model_id)
            settings = policy.settings if policy else Settings(target="")
            self._limits[key] = settings.drift_limit if decision is not None and decision.promoted else math.inf
        return self._limits[key]

    def _begin(self, found: Staged) -> Key:
        """Read a rollout into the batch; one whose channel was moved by others ends here."""
        key = (found.model_id, found.number)
        if key not in self._judged:
            self._rollouts[key] = found
            self._judged[key] = rollout_moves.unless_moved(self._connection, found)
            self._happened[key] = events.settled(found.judged, self._judged[key])
        return key

    def _brought(self, found: Staged) -> tuple[int, ...]:
        key = (found.model_id, found.number)
        if key not in self._newcomers:
            self._newcomers[key] = rollout_moves.brought(self._connection, found, self._now_us)
        return self._newcomers[key]

    def _rollout(self, key: Key) -> Staged:
        if key not in self._rollouts:
            self._rollouts[key] = rollouts.get(self._connection, *key, field="comparison.rollout")
        return self._rollouts[key]

    def _device(self, item: Item) -> Device:
        """As it stands, and heard of just now; a device that asks often is written once a day."""
        found = self._devices.get(item.device_id, Device(item.device_id))
        stale = item.time_us - found.seen_us >= devices.DAY_US
        return replace(found, seen_us=item.time_us) if stale or not isinstance(item, Seen) else found

    def _need_version(self, model_id: str, number: int) -> None:
        if (model_id, number) not in self._versions:
            models.version(self._connection, model_id, number, "version")

    def _crashed_before(self, item: Report, found: Staged) -> bool:
        """Once a device has taken a version back it does not try it again: more of the same is a repetition."""
        same = (item.device_id, item.model_id, item.number)
        told = (each for each in self._reports if (each.device_id, each.model_id, each.number) == same)
        if any(crashes.is_crash(each.state, each.reason) for each in told):
            return True
        return reports.took_back(self._connection, *same, since_us=found.create_us)


def _of_model(device: Device, model_id: str) -> dict[str, Any]:
    """A channel is one of its model."""
    return {"model_id": model_id, "channel_id": device.channel_id if device.model_id == model_id else None}


def _compares(found: Staged, item: Told) -> bool:
    """Whether a comparison is one with the version that the rollout began with."""
    return (item.model_id, item.number) == (found.model_id, found.base) and not found.paused


def _known(connection: Connection, keys: set[Key]) -> set[Key]:
    columns = (versions.c.model_id, versions.c.number)
    rows = connection.execute(select(*columns).where(tuple_(*columns).in_(list(keys))))
    return {(row.model_id, row.number) for row in rows}
