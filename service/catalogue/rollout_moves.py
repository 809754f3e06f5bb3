"""What moves rollouts: their beginning and end, pauses, and what devices report. Decided in ``service.rollout``."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from service.catalogue import channels, devices, models
from service.catalogue.records import ModelChannel
from service.catalogue.requests import RequestKey, answer_of, remember
from service.catalogue.rollouts import PAUSED, Staged, get, key_of, open_on
from service.catalogue.tables import channels as channel_table
from service.catalogue.tables import rollout_events, rollouts
from service.names import rollout_name, version_name
from service.rollout import events, judge, stored
from service.rollout.events import Happened
from service.rollout.judge import Verdict
from service.rollout.plan import Plan, newcomers
from service.trust.signed import Signed, everything
from slipway.errors import Reason, Refused


def create(
    connection: Connection,
    model_id: str,
    channel_id: str,
    version: int,
    limits: dict[str, Any],
    request: RequestKey,
    now_us: int,
    signed: Signed = everything,
) -> Staged:
    """Begin a rollout, or return the one that the same request began. One that is open on the channel is superseded.

    Args:
        connection: of the transaction.
        model_id: of the model.
        channel_id: that it is to move.
        version: the candidate.
        limits: fields of ``Plan`` but its salt.
        request: what makes the request the same as another one.
        now_us: the time.
        signed: whether devices find a version signed.

    Raises:
        Refused: MODEL_NOT_FOUND, CHANNEL_NOT_FOUND, VERSION_NOT_FOUND, VERSION_NOT_INSTALLABLE, TARGET_NOT_SIGNED,
            REQUEST_ID_REUSED, or FIELD_INVALID for a plan that makes no sense, or a version that the channel points at
            already.
    """
    before = answer_of(connection, request)
    if before is not None:
        return get(connection, model_id, int(before))
    channel = channels.get(connection, model_id, channel_id, "rollout.channel")
    _check_candidate(connection, channel, version, signed)
    number = 1 + int(connection.scalar(select(func.max(rollouts.c.number)).where(rollouts.c.model_id == model_id)) or 0)
    name = rollout_name(model_id, number)
    begun = judge.begin(Plan(salt=name, **limits))
    for other in open_on(connection, model_id, channel_id):
        end(connection, other, judge.superseded(other.judged, f"{name} began"), now_us)
    row = {"model_id": model_id, "number": number, "channel_id": channel_id, "version": version}
    where = {"base": channel.number, "serial": channel.serial, "create_us": now_us}
    connection.execute(insert(rollouts).values(**row, **where, **_judged(begun, False, now_us)))
    found = get(connection, model_id, number)
    _note(connection, found, [events.began(begun)], now_us)
    settle(connection, found, now_us)
    remember(connection, request, str(number), now_us)
    return get(connection, model_id, number)


def pause(connection: Connection, model_id: str, number: int, now_us: int) -> Staged:
    """Let nothing move until it is resumed.

    Raises:
        Refused: ROLLOUT_NOT_FOUND or ROLLOUT_ENDED.
    """
    return _set_paused(connection, model_id, number, True, now_us)


def resume(connection: Connection, model_id: str, number: int, now_us: int) -> Staged:
    """Go on.

    Raises:
        Refused: ROLLOUT_NOT_FOUND or ROLLOUT_ENDED.
    """
    settle(connection, _set_paused(connection, model_id, number, False, now_us), now_us)
    return get(connection, model_id, number)


def abort(connection: Connection, model_id: str, number: int, why: str, now_us: int) -> Staged:
    """End a rollout; one that was aborted already stays as it is.

    Raises:
        Refused: ROLLOUT_NOT_FOUND or ROLLOUT_ENDED.
    """
    found = get(connection, model_id, number)
    if found.judged.verdict is Verdict.ABORTED:
        return found
    _check_open(found)
    end(connection, found, judge.aborted(found.judged, why), now_us)
    return get(connection, model_id, number)


def settle(connection: Connection, found: Staged, now_us: int) -> None:
    """End a rollout whose channel was moved by others, and let none wait for devices that are not there."""
    judged = settled(connection, found, now_us)
    if judged != found.judged:
        end(connection, found, judged, now_us)


def settled(connection: Connection, found: Staged, now_us: int) -> judge.Rollout:
    """How ``found`` stands after that, not yet kept."""
    judged = unless_moved(connection, found)
    return judged if found.paused else judge.settled(judged, brought(connection, found, now_us))


def unless_moved(connection: Connection, found: Staged) -> judge.Rollout:
    """How ``found`` stands: superseded, if others pointed its channel elsewhere."""
    channel = channels.get(connection, found.model_id, found.channel_id)
    if channel.serial == found.serial:
        return found.judged
    return judge.superseded(
        found.judged, f"the channel was pointed at {version_name(channel.model_id, channel.number)}"
    )


def brought(connection: Connection, found: Staged, now_us: int) -> tuple[int, ...]:
    """How many known devices each stage brings."""
    known = devices.following(connection, found.model_id, found.channel_id, now_us)
    return newcomers(found.judged.plan, known)


def end(connection: Connection, found: Staged, judged: judge.Rollout, now_us: int) -> None:
    """Keep what was decided without a report."""
    save(connection, found, judged, events.settled(found.judged, judged), now_us)


def save(connection: Connection, found: Staged, judged: judge.Rollout, happened: list[Happened], now_us: int) -> None:
    """Keep how a rollout stands; move its channel where it has completed."""
    after = replace(found, judged=judged, change_us=now_us if happened else found.change_us)
    values = _judged(judged, found.paused, after.change_us)
    connection.execute(update(rollouts).where(key_of(found.model_id, found.number)).values(**values))
    _note(connection, after, happened, now_us)
    if judged.verdict is Verdict.COMPLETED and not found.ended:
        channels.point(connection, found.model_id, found.channel_id, found.version, "", False, now_us)


def _set_paused(connection: Connection, model_id: str, number: int, paused: bool, now_us: int) -> Staged:
    found = get(connection, model_id, number)
    _check_open(found)
    if found.paused == paused:
        return found
    after = replace(found, paused=paused, change_us=now_us)
    values = _judged(found.judged, paused, now_us)
    connection.execute(update(rollouts).where(key_of(model_id, number)).values(**values))
    _note(connection, after, [("paused" if paused else "resumed", found.judged.stage)], now_us)
    return get(connection, model_id, number)


def _check_open(found: Staged) -> None:
    if found.ended:
        problem = f"{found.judged.verdict.lower()}, {found.judged.reason}"
        raise Refused(Reason.ROLLOUT_ENDED, field="name", name=found.name, problem=problem)


def _check_candidate(connection: Connection, channel: ModelChannel, number: int, signed: Signed) -> None:
    version = models.version(connection, channel.model_id, number, "rollout.version")
    name = version_name(channel.model_id, number)
    if models.BUNDLE not in {each.id for each in version.artifacts}:
        raise Refused(Reason.VERSION_NOT_INSTALLABLE, field="rollout.version", name=name)
    if channel.number == number:
        words = {"problem": f"the channel {channel.id} points at it already", "found": name}
        raise Refused(Reason.FIELD_INVALID, field="rollout.version", **words, remedy="Roll out another version.")
    if not signed(name):
        problem = "devices would look for its signature in vain"
        raise Refused(Reason.TARGET_NOT_SIGNED, field="rollout.version", name=name, problem=problem)


def _note(connection: Connection, after: Staged, happened: Iterable[Happened], now_us: int) -> None:
    """Keep what happened, and tell whoever watches the channel."""
    key = {"model_id": after.model_id, "number": after.number, "time_us": now_us}
    rows = [{**key, "text": text, "state": after.state, "stage": stage} for text, stage in happened]
    if not rows:
        return
    connection.execute(insert(rollout_events), rows)
    here = (channel_table.c.model_id == after.model_id) & (channel_table.c.id == after.channel_id)
    moved = {"rollout_serial": channel_table.c.rollout_serial + 1}
    connection.execute(update(channel_table).where(here).values(**moved))


def _judged(judged: judge.Rollout, paused: bool, change_us: int) -> dict[str, Any]:
    state = PAUSED if paused and judged.verdict is Verdict.RUNNING else judged.verdict.value
    kept = {"plan": stored.plan_to_json(judged.plan), "judged": stored.judged_to_json(judged)}
    return {**kept, "state": state, "stage": judged.stage, "change_us": change_us}
