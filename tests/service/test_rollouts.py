"""Rollouts over a real server: who is offered what when, and what stops them."""

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from slipway.v1 import models_pb2
from slipway.v1 import rollouts_pb2 as pb
from slipway.v1 import updates_pb2 as updates
from tests.service.process import TIMEOUT, ServerProcess, refusal
from tests.service.rollouts import BETTER, QUICK, WORSE, Device, begin, calls, look, model_with, point, who

STAGES = (0.3, 1.0)


def fleet(server: ServerProcess, model: str, rollout: str, stages: tuple[float, ...] = STAGES) -> list[Device]:
    """One device of each stage."""
    edges = zip((0.0, *stages), stages, strict=False)
    return [Device(server, model, who(rollout, low, high)[0]) for low, high in edges]


def until(device: Device, rollout: str, state: int, stage: int, comparison: dict[str, Any]) -> int:
    """Report until the rollout stands so; return how often."""
    for count in range(1, 60):
        device.tell(rollout, **comparison)
        found = look(device.server, rollout)
        if (found.state, found.stage) == (state, stage):
            return count
    raise AssertionError(found)


def test_a_good_version_reaches_everybody_stage_by_stage(server: ServerProcess) -> None:
    model_with(server, "good")
    rollout = begin(server, "good", 2, stages=STAGES, **QUICK).name
    first, second = fleet(server, "good", rollout)
    assert (first.runs(), second.runs()) == ((1, 2), (1, 0))
    until(first, rollout, pb.Rollout.RUNNING, 1, BETTER)
    assert (first.runs(), second.runs()) == ((2, 0), (1, 2))
    assert first.offer().serial == 1, "the channel has not moved"
    until(second, rollout, pb.Rollout.COMPLETED, 1, BETTER)
    assert (first.runs(), second.runs(), second.offer().serial) == ((2, 0), (2, 0), 2)
    channel = server.models.GetChannel(models_pb2.GetChannelRequest(name="models/good/channels/stable"))
    assert [move.version[-1] for move in channel.history] == ["1", "2"]
    found = look(server, rollout)
    assert [event.text.split(" ")[0] for event in found.events] == ["began", "went", "completed:"]
    assert found.reason == "every stage was passed"


def test_a_bad_version_is_stopped_in_its_first_stage_and_nobody_keeps_it(server: ServerProcess) -> None:
    model_with(server, "bad")
    rollout = begin(server, "bad", 2, stages=STAGES, **QUICK).name
    first, second = fleet(server, "bad", rollout)
    assert first.runs() == (1, 2)
    until(first, rollout, pb.Rollout.ABORTED, 0, WORSE)
    assert (first.runs(), second.runs()) == ((1, 0), (1, 0))
    assert "worse" in look(server, rollout).reason


@pytest.mark.parametrize(
    ("promoted", "drift", "labels", "state"),
    [
        (True, 1.5, {}, pb.Rollout.COMPLETED),
        (True, 0.9, {}, pb.Rollout.ABORTED),
        (True, None, {}, pb.Rollout.ABORTED),
        (False, 1.5, {}, pb.Rollout.ABORTED),
        (True, 1.5, {"feedback_count": 50, "right_count": 10, "right_count_before": 40}, pb.Rollout.ABORTED),
    ],
)
def test_the_confidence_of_a_model_away_from_home_does_not_stop_what_the_gate_promoted(
    server: ServerProcess, promoted: bool, drift: float | None, labels: dict[str, int], state: int
) -> None:
    model = f"away-{promoted}-{drift}-{len(labels)}".lower().replace(".", "-")
    model_with(server, model, promoted=promoted)
    rollout = begin(server, model, 2, stages=(1.0,), **QUICK).name
    until(Device(server, model, f"{model}-1"), rollout, state, 0, {**WORSE, **labels, "drift": drift})


def test_whoever_runs_it_goes_back_when_a_later_stage_stops_it(server: ServerProcess) -> None:
    model_with(server, "late")
    rollout = begin(server, "late", 2, stages=STAGES, **QUICK).name
    first, second = fleet(server, "late", rollout)
    second.offer()
    until(first, rollout, pb.Rollout.RUNNING, 1, BETTER)
    assert first.runs() == (2, 0)
    until(second, rollout, pb.Rollout.ABORTED, 1, WORSE)
    assert (first.runs(), first.offer().serial) == ((1, 0), 1)


@pytest.mark.parametrize(
    ("state", "reason", "counts"),
    [("REFUSED", "SELF_TEST_FAILED", 1), ("ROLLED_BACK", "BOOT_LOOP", 1), ("REFUSED", "DOWNLOAD_INVALID", 0)],
)
def test_a_device_that_cannot_live_with_it_counts_once(
    server: ServerProcess, state: str, reason: str, counts: int
) -> None:
    model = f"crash-{state}-{reason}".lower().replace("_", "-")
    model_with(server, model)
    rollout = begin(server, model, 2, stages=(1.0,)).name
    device = Device(server, model, f"{model}-1")
    for _ in range(3):
        device.status(2, state, reason)
    device.status(1, state, reason)
    found = look(server, rollout)
    assert (found.report_count, found.device_count) == (counts, counts)


def test_what_does_not_take_part_changes_nothing(server: ServerProcess) -> None:
    model_with(server, "apart", 3)
    rollout = begin(server, "apart", 2, stages=(0.3, 1.0)).name
    first, second = fleet(server, "apart", rollout)
    second.tell(rollout, **BETTER)
    first.tell(rollout, version=3, **BETTER)
    other = updates.ReportHealthRequest(device_id="apart", version="models/apart/versions/1", sequence=1)
    first.calls.ReportHealth(other, timeout=TIMEOUT)
    assert look(server, rollout).report_count == 0
    first.tell(rollout, **BETTER)
    assert look(server, rollout).report_count == 1


def test_nobody_takes_part_who_does_not_say_who_it_is(server: ServerProcess) -> None:
    model_with(server, "unnamed")
    begin(server, "unnamed", 2, stages=(1.0,))
    offer = server.updates.GetMetadata(updates.GetMetadataRequest(model="models/unnamed"), timeout=TIMEOUT)
    assert offer.version.endswith("/1") and not offer.HasField("candidate")


def test_a_report_counts_once_however_often_and_together_it_comes(server: ServerProcess) -> None:
    model_with(server, "crowd")
    rollout = begin(server, "crowd", 2, stages=(1.0,), report_count=1000).name
    calls_, start = server.updates, threading.Barrier(25)

    def report(number: int) -> None:
        device = Device(server, "crowd", f"crowd-{number}")
        device.calls = calls_
        start.wait()
        for sequence in (1, 2, 2, 1):
            device.tell(rollout, sequence=sequence, **{**BETTER, "confidence_before": 0.945})

    with ThreadPoolExecutor(25) as pool:
        list(pool.map(report, range(25)))
    found = look(server, rollout)
    assert (found.report_count, found.device_count) == (50, 25)
    device = calls(server).GetDevice(pb.GetDeviceRequest(name="devices/crowd-7"), timeout=TIMEOUT)
    assert (device.version, device.window_count) == ("models/crowd/versions/1", 200)


def test_a_paused_rollout_gives_it_to_nobody_else_and_goes_on_where_it_was(server: ServerProcess) -> None:
    model_with(server, "pause")
    rollout = begin(server, "pause", 2, stages=STAGES, **QUICK).name
    first, second = fleet(server, "pause", rollout)
    second.offer()
    until(first, rollout, pb.Rollout.RUNNING, 1, BETTER)
    second.tell(rollout, **BETTER)
    for _ in range(2):
        assert calls(server).PauseRollout(pb.PauseRolloutRequest(name=rollout)).state == pb.Rollout.PAUSED
    assert (first.runs(), second.runs()) == ((2, 0), (1, 0))
    second.tell(rollout, **BETTER)
    assert look(server, rollout).report_count == 1
    assert calls(server).ResumeRollout(pb.ResumeRolloutRequest(name=rollout)).state == pb.Rollout.RUNNING
    assert second.runs() == (1, 2)
    until(second, rollout, pb.Rollout.COMPLETED, 1, BETTER)


def test_a_newer_rollout_takes_the_place_of_a_stuck_or_paused_one(server: ServerProcess) -> None:
    model_with(server, "newer", 3)
    old = begin(server, "newer", 2, stages=(1.0,)).name
    calls(server).PauseRollout(pb.PauseRolloutRequest(name=old))
    new = begin(server, "newer", 3, stages=(1.0,)).name
    found = look(server, old)
    assert (found.state, found.reason) == (pb.Rollout.SUPERSEDED, f"{new} began")
    device = Device(server, "newer", "newer-1")
    assert device.runs() == (1, 3)
    device.tell(old, **WORSE)
    assert look(server, old).report_count == look(server, new).report_count == 0
    listed = calls(server).ListRollouts(pb.ListRolloutsRequest(parent="models/newer", page_size=1))
    assert [each.name for each in listed.rollouts] == [new] and listed.next_page_token
    request = pb.ListRolloutsRequest(parent="models/newer", page_token=listed.next_page_token)
    assert [each.name for each in calls(server).ListRollouts(request).rollouts] == [old]


def test_a_channel_moved_by_hand_ends_its_rollout(server: ServerProcess) -> None:
    model_with(server, "hand", 3)
    rollout = begin(server, "hand", 2, stages=(1.0,), **QUICK).name
    device = Device(server, "hand", "hand-1")
    assert device.runs() == (1, 2)
    point(server, "hand", 3)
    assert device.runs() == (3, 0)
    device.tell(rollout, **BETTER)
    found = look(server, rollout)
    assert (found.state, found.reason) == (pb.Rollout.SUPERSEDED, "the channel was pointed at models/hand/versions/3")


def test_somebody_stops_it(server: ServerProcess) -> None:
    model_with(server, "stop")
    rollout = begin(server, "stop", 2).name
    request = pb.AbortRolloutRequest(name=rollout, reason="the field team asked")
    for _ in range(2):
        found = calls(server).AbortRollout(request)
        assert (found.state, found.reason) == (pb.Rollout.ABORTED, "the field team asked")
    code, info, _ = refusal(lambda: calls(server).PauseRollout(pb.PauseRolloutRequest(name=rollout)))
    assert (code, info.reason) == ("FAILED_PRECONDITION", "ROLLOUT_ENDED")


def test_a_small_fleet_waits_for_no_device_that_it_does_not_have(server: ServerProcess) -> None:
    model = "small"
    model_with(server, model)
    only = Device(server, model, who("models/small/rollouts/1", 0.3, 1.0)[0])
    only.offer()
    rollout = begin(server, model, 2, stages=(0.1, 0.3, 1.0), **{**QUICK, "device_count": 3})
    assert rollout.stage == 2, "two stages bring nobody"
    assert only.runs() == (1, 2)
    until(only, rollout.name, pb.Rollout.COMPLETED, 2, BETTER)


def test_watchers_hear_of_every_move_of_a_rollout(server: ServerProcess) -> None:
    model_with(server, "hint")
    hints = iter(server.updates.WatchUpdates(updates.WatchUpdatesRequest(model="models/hint"), timeout=TIMEOUT))

    def moves() -> tuple[int, int]:
        hint = next(hints)
        return hint.serial, hint.rollout_serial

    assert moves() == (1, 0)
    rollout = begin(server, "hint", 2, stages=(1.0,), **QUICK).name
    assert moves() == (1, 1)
    calls(server).PauseRollout(pb.PauseRolloutRequest(name=rollout))
    assert moves() == (1, 2)


def test_the_same_request_begins_one_rollout(server: ServerProcess) -> None:
    model_with(server, "twice", 3)
    request_id = str(uuid.uuid4())
    first, again = (begin(server, "twice", 2, request_id) for _ in range(2))
    assert first == again
    code, info, _ = refusal(lambda: begin(server, "twice", 3, request_id))
    assert (code, info.reason) == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")


def test_a_server_killed_in_the_middle_goes_on_where_it_was(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server()
    model_with(server, "m")
    rollout = begin(server, "m", 2, stages=STAGES, **QUICK).name
    first, second = fleet(server, "m", rollout)
    second.offer()
    until(first, rollout, pb.Rollout.RUNNING, 1, BETTER)
    second.tell(rollout, **BETTER)
    before = look(server, rollout)
    server.restart()
    assert look(server, rollout) == before
    second.calls = server.updates
    assert second.runs() == (1, 2)
    second.tell(rollout, sequence=1, **BETTER)
    assert look(server, rollout) == before, "it was told so already"
    until(second, rollout, pb.Rollout.COMPLETED, 1, BETTER)


WRONG = {
    "no version": ({"rollout": pb.Rollout()}, "rollout.version", "FIELD_REQUIRED"),
    "another model's": ({"rollout": pb.Rollout(version="models/x/versions/1")}, "rollout.version", "FIELD_INVALID"),
    "what runs": ({"rollout": pb.Rollout(version="models/wrong/versions/1")}, "rollout.version", "FIELD_INVALID"),
    "not there": ({"rollout": pb.Rollout(version="models/wrong/versions/9")}, "rollout.version", "VERSION_NOT_FOUND"),
    "no such channel": (
        {"rollout": pb.Rollout(version="models/wrong/versions/2", channel="beta")},
        "rollout.channel",
        "CHANNEL_NOT_FOUND",
    ),
    "stages that shrink": (
        {"rollout": pb.Rollout(version="models/wrong/versions/2", plan=pb.RolloutPlan(stages=[0.5, 0.2]))},
        "rollout.plan.stages",
        "FIELD_INVALID",
    ),
    "no number": (
        {"rollout": pb.Rollout(version="models/wrong/versions/2", plan=pb.RolloutPlan(slower=float("inf")))},
        "rollout.plan.slower",
        "FIELD_INVALID",
    ),
}


@pytest.fixture(scope="module")
def wrong(server: ServerProcess) -> ServerProcess:
    model_with(server, "wrong")
    return server


@pytest.mark.parametrize(("fields", "field", "reason"), WRONG.values(), ids=WRONG.keys())
def test_a_rollout_that_makes_no_sense_is_refused(
    wrong: ServerProcess, fields: dict[str, pb.Rollout], field: str, reason: str
) -> None:
    request = pb.CreateRolloutRequest(parent="models/wrong", **fields)
    _, info, status = refusal(lambda: calls(wrong).CreateRollout(request, timeout=TIMEOUT))
    assert info.reason == reason and status.message.startswith(f"{field}")


WRONG_REPORTS = {
    "sequence": {"sequence": 0},
    "drift": {"drift": float("nan")},
    "window_count": {"window_count": -1},
    "comparison.rollout": {"comparison": updates.Comparison(rollout="models/wrong/rollouts/77", window_count=1)},
    "comparison.right_count": {
        "comparison": updates.Comparison(rollout="models/wrong/rollouts/1", window_count=9, right_count=1)
    },
    "comparison.confidence": {
        "comparison": updates.Comparison(rollout="models/wrong/rollouts/1", window_count=9, confidence=2.0)
    },
}


@pytest.mark.parametrize(("field", "fields"), WRONG_REPORTS.items(), ids=WRONG_REPORTS.keys())
def test_a_report_that_makes_no_sense_is_refused(wrong: ServerProcess, field: str, fields: dict[str, object]) -> None:
    device = Device(wrong, "wrong", "d1", sequence=1)
    _, _, status = refusal(lambda: device.calls.ReportHealth(device.health(**fields), timeout=TIMEOUT))
    assert status.message.startswith(field)


def test_devices_are_listed_with_what_they_told(server: ServerProcess) -> None:
    model_with(server, "told")
    for number in range(3):
        device = Device(server, "told", f"told-{number}", sequence=1)
        device.status(1, "INSTALLED")
        device.calls.ReportHealth(device.health(drift=0.5 * number), timeout=TIMEOUT)
    device.status(2, "ROLLED_BACK", "BOOT_LOOP")
    first = calls(server).ListDevices(pb.ListDevicesRequest(model="models/told", page_size=2))
    rest = calls(server).ListDevices(pb.ListDevicesRequest(model="models/told", page_token=first.next_page_token))
    listed = [(each.name, each.drift) for each in (*first.devices, *rest.devices)]
    assert listed == [("devices/told-0", 0.0), ("devices/told-1", 0.5), ("devices/told-2", 1.0)]
    found = calls(server).GetDevice(pb.GetDeviceRequest(name="devices/told-2"))
    assert (found.version, found.window_count) == ("models/told/versions/1", 100)
    assert [(event.state, event.reason) for event in found.history] == [("INSTALLED", ""), ("ROLLED_BACK", "BOOT_LOOP")]
    _, info, _ = refusal(lambda: calls(server).GetDevice(pb.GetDeviceRequest(name="devices/nobody")))
    assert info.reason == "DEVICE_NOT_FOUND"
