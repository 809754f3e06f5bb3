"""How far from home: below 1 where a device stays at home, above where its sensor or its world changes, and why."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.edge import drift as drifting
from slipway.edge import home as homes
from slipway.edge import home_file
from slipway.edge.drift import BATCH, Drift
from slipway.edge.home import Home
from slipway.errors import Reason, Refused
from slipway.spec import Channel, SensorSpec, TaskSpec

CHANNELS = ("acc_x", "acc_y", "acc_z")
TASK = TaskSpec("walk", SensorSpec(tuple(Channel(name, "m/s2") for name in CHANNELS), 50.0, 16), ("still", "going"))
POINT = replace(TASK, sensor=replace(TASK.sensor, window_length=1))
REGRESSION = TaskSpec("force", TASK.sensor, outputs=(Channel("force", "N"), Channel("torque", "N.m")))
WEIGHTS = np.array([[1.0, -1.0], [0.5, 0.3], [-0.7, 0.9]])


def stream(count: int, seed: int, memory: float = 0.95, task: TaskSpec = TASK) -> np.ndarray:
    """Windows whose levels wander slowly, as a robot's do: an autoregression with so much memory a window."""
    chance = np.random.default_rng(seed)
    steps = chance.normal(size=(count + 200, 3)) * np.sqrt(1 - memory**2)
    for at in range(1, len(steps)):
        steps[at] += memory * steps[at - 1]
    noise = chance.normal(size=(count, task.sensor.window_length, 3)) * 0.5
    return (np.array([0.0, 2.0, 9.8]) + steps[200:, None] + noise).astype(np.float32)


def answered(windows: np.ndarray) -> np.ndarray:
    return ((windows.mean(1) - [0.0, 2.0, 9.8]) @ WEIGHTS).astype(np.float32)


def watched(home: Home, windows: np.ndarray, logits: np.ndarray | None = None) -> list[Drift | None]:
    """The drift after every 32 windows."""
    logits = answered(windows) if logits is None else logits
    recent, found = drifting.nothing_yet(home), []
    for at in range(0, len(windows) - BATCH + 1, BATCH):
        part = slice(at, at + BATCH)
        told = homes.measured(home.task, windows[part], logits[part])
        recent = drifting.seen(recent, homes.standardised(home, told))
        found.append(drifting.drift(home, recent))
    return found


def last(home: Home, windows: np.ndarray, logits: np.ndarray | None = None) -> Drift:
    found = watched(home, windows, logits)[-1]
    assert found is not None
    return found


@pytest.fixture(scope="module")
def home() -> Home:
    values = stream(4096, 0)
    return homes.home_of(TASK, values, answered(values))


@pytest.mark.parametrize("task", [TASK, POINT])
def test_it_stays_quiet_at_home(task: TaskSpec) -> None:
    values = stream(4096, 0, task=task)
    home = homes.home_of(task, values, answered(values))
    loudest = []
    for seed in range(1, 21):
        values = stream(1024, seed, task=task)
        loudest.append(last(home, values).value)
    assert sum(value >= 1 for value in loudest) <= 1 and np.median(loudest) < 0.7


def test_home_that_is_not_in_order_does_not_make_a_slow_device_alarm() -> None:
    """Shuffled windows do not tell that a device stays in one place for long: the device's own windows do."""
    values = np.random.default_rng(0).permutation(stream(4096, 0, 0.98))
    shuffled = homes.home_of(TASK, values, answered(values))
    found = [last(shuffled, stream(1024, seed, 0.98)).value for seed in range(1, 21)]
    assert sum(value >= 1 for value in found) <= 3


FAULTS = {
    "acc_x: level +": lambda v: v + np.array([1.5, 0, 0], np.float32),
    "acc_z: level -": lambda v: v * np.array([1, 1, 0.8], np.float32),
    "acc_y: spread +": lambda v: v + np.random.default_rng(3).normal(0, 1, v.shape) * np.array([0, 1, 0]),
    "acc_z: spread -": lambda v: np.where(np.arange(3) == 2, v.mean(1, keepdims=True), v),
}


@pytest.mark.parametrize("cause", FAULTS)
def test_a_fault_is_seen_and_named(home: Home, cause: str) -> None:
    values = stream(1024, 1)
    found = last(home, FAULTS[cause](values).astype(np.float32), answered(values))
    assert found.value > 1 and found.cause.startswith(cause)


def test_what_moves_all_channels_a_little_is_seen_of_all(home: Home) -> None:
    values = stream(1024, 1)
    found = last(home, values + np.float32(0.6), answered(values))
    assert found.value > 1 and found.feature == "all channels: level"


def test_answers_that_are_less_sure_are_seen_and_surer_ones_are_none(home: Home) -> None:
    values = stream(1024, 1)
    unsure = last(home, values, 0.1 * answered(values))
    assert unsure.value > 1 and unsure.feature.startswith("answers")
    told = homes.standardised(home, homes.measured(TASK, values, 3 * answered(values)))
    surer = replace(home, limit=np.where(np.arange(len(home.limit)) == len(home.limit) - 1, home.limit, 100.0))
    recent = drifting.nothing_yet(home)
    for part in told.reshape(-1, BATCH, told.shape[1]):
        recent = drifting.seen(recent, part)
    assert recent.mean(0)[-1] > 0.5  # the confidence rose by more than its limit
    found = drifting.drift(surer, recent)
    assert found is not None and found.value < 0.1


def test_the_outputs_of_a_regression_are_watched() -> None:
    values = stream(4096, 0)
    home = homes.home_of(REGRESSION, values, answered(values))
    values = stream(1024, 1)
    logits = answered(values)
    assert last(home, values, logits).value < 1
    assert last(home, values, logits + np.array([0, 3], np.float32)).feature == "torque: level"
    swings = np.where(np.arange(len(logits)) % 2, 4, -4).astype(np.float32)
    assert last(home, values, logits * 0.01 + swings[:, None] * [1, 0]).feature == "force: spread"


def test_it_says_nothing_before_512_windows_and_forgets_after_1024(home: Home) -> None:
    found = watched(home, np.concatenate([stream(512, 1) + np.float32(3), stream(1024, 2)]))
    assert [each is None for each in found] == [True] * 15 + [False] * 33
    values = [each.value for each in found if each]
    assert values[0] > 2 and values[-1] < 1 and max(values[-3:]) < values[0]


def test_one_spike_is_no_drift(home: Home) -> None:
    values = stream(1024, 1)
    before = last(home, values).value
    values[700] = 1e30
    assert last(home, values, answered(stream(1024, 1))).value < before + 0.1


def test_a_channel_that_is_silent_at_home_is_heard() -> None:
    values = stream(4096, 0)
    values[..., 1] = 2.0
    home = homes.home_of(TASK, values, answered(values))
    assert last(home, values[:1024]).value < 1
    values[..., 1] = 2.01
    assert last(home, values[:1024]).feature.startswith("acc_y")


def test_many_channels_are_watched_as_groups() -> None:
    sensor = SensorSpec(tuple(Channel(f"beam_{i}", "m") for i in range(100)), 10.0, 2)
    task = TaskSpec("beams", sensor, ("a", "b"))
    values = np.random.default_rng(0).normal(size=(2048, 2, 100)).astype(np.float32)
    home = homes.home_of(task, values, answered(values[..., :3]))
    assert len(homes.features(task)) == len(home.mean) == 2 * 24 + 2 + 2
    fresh = np.random.default_rng(1).normal(size=(1024, 2, 100)).astype(np.float32)
    assert last(home, fresh, answered(fresh[..., :3])).value < 1
    fresh[..., 96:] += 0.5
    found = last(home, fresh, answered(fresh[..., :3]))
    assert found.value > 1 and found.feature == "beam_96–beam_99: level"


@settings(max_examples=15)
@given(st.integers(0, 10_000), st.sampled_from([TASK, POINT, REGRESSION]))
def test_home_and_memory_survive_json(seed: int, task: TaskSpec) -> None:
    values = stream(64, seed, task=task)
    home = homes.home_of(task, values, answered(values))
    data = home_file.to_json(home)
    again = home_file.from_json(task, data)
    assert home_file.to_json(again) == data
    np.testing.assert_array_equal(again.mean, home.mean)
    recent = homes.standardised(home, homes.measured(task, values, answered(values))).reshape(2, 32, -1).mean(1)
    told = json.loads(json.dumps(drifting.to_json(recent)))
    np.testing.assert_allclose(drifting.from_json(home, told), recent, atol=1e-2)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda fields: fields.pop("mean"),
        lambda fields: fields.update(format=2),
        lambda fields: fields["sd"].append(1.0),
        lambda fields: fields["sd"].__setitem__(0, 0.0),
        lambda fields: fields["limit"].__setitem__(0, -1),
        lambda fields: fields["mean"].__setitem__(0, float("nan")),
        lambda fields: fields["mean"].__setitem__(0, "a"),
        lambda fields: fields.update(quantiles=3),
        lambda fields: fields.update(more="x" * home_file.LIMIT_BYTES),
    ],
)
def test_a_home_that_makes_no_sense_is_refused(home: Home, spoil) -> None:
    fields = json.loads(home_file.to_json(home))
    spoil(fields)
    with pytest.raises(Refused) as refusal:
        home_file.from_json(TASK, json.dumps(fields).encode())
    assert refusal.value.reason in (Reason.FIELD_INVALID, Reason.LIMIT_EXCEEDED)


def test_a_home_of_another_task_is_refused(home: Home) -> None:
    with pytest.raises(Refused):
        home_file.from_json(REGRESSION, home_file.to_json(home))


def test_too_few_windows_are_no_home() -> None:
    values = stream(7, 0)
    with pytest.raises(Refused) as refusal:
        homes.home_of(TASK, values, answered(values))
    assert refusal.value.reason == Reason.DATASET_EMPTY


def remembered(home: Home, windows: np.ndarray) -> np.ndarray:
    """What a device remembers of windows, oldest first."""
    recent = drifting.nothing_yet(home)
    for at in range(0, len(windows) - BATCH + 1, BATCH):
        part = windows[at : at + BATCH]
        recent = drifting.seen(recent, homes.standardised(home, homes.measured(home.task, part, answered(part))))
    return recent


@pytest.mark.parametrize("before", [64, 333, 480])
def test_the_windows_since_it_began_to_drift_are_told_apart(home: Home, before: int) -> None:
    for seed in range(1, 11):
        values = stream(1024, seed)
        values[before:, :, 1] += 6.0
        clean = drifting.onset(home, remembered(home, values)) * BATCH
        assert before <= clean <= before + 3 * BATCH


def test_where_all_of_it_is_away_from_home_all_of_it_counts(home: Home) -> None:
    for seed in range(1, 11):
        assert drifting.onset(home, remembered(home, stream(1024, seed) + np.float32(6.0))) == 0
    assert drifting.onset(home, drifting.nothing_yet(home)) == 0


def test_a_device_that_comes_home_has_no_beginning(home: Home) -> None:
    values = stream(1024, 1)
    values[:900, :, 1] += 6.0
    assert drifting.onset(home, remembered(home, values)) == 0
