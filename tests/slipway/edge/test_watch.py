"""What is known of a version's windows: learnt from the first of them, written down, read by the next start."""

import json

import numpy as np
import pytest

from slipway.edge import watch as watching
from slipway.edge.drift import BATCH
from slipway.edge.home import home_of
from slipway.edge.notes import Notes
from slipway.edge.watch import FIRST_WINDOWS, Watch
from slipway.spec import TaskSpec
from tests.slipway.edge.bundles import CLASSES, SENSOR

TASK = TaskSpec("rover", SENSOR, CLASSES)
VERSION = "a" * 64


def see(watch: Watch, count: int, seed: int, shift: float = 0.0) -> Watch:
    values = np.random.default_rng(seed).normal(shift, 1, size=(count, *SENSOR.window_shape)).astype(np.float32)
    for at in range(0, count, BATCH):
        batch = values[at : at + BATCH]
        watch = watching.seen(watch, batch, batch.mean(1))
    return watch


def fresh() -> Watch:
    return watching.begun(VERSION, TASK, None)


def written(watch: Watch) -> Notes:
    return json.loads(json.dumps(watching.to_notes(watch)))


def test_the_first_windows_are_home() -> None:
    watch = see(fresh(), FIRST_WINDOWS - BATCH, 0)
    assert watch.home is None and watching.drift(watch) is None
    watch = see(watch, BATCH, 1)
    assert watch.home is not None and watch.home.count == FIRST_WINDOWS and len(watch.first) == len(watch.recent) == 0
    near, far = (watching.drift(see(watch, 1024, 2, shift)) for shift in (0.0, 2.0))
    assert near is not None and far is not None and near.value < 1 < far.value


def test_a_watch_is_a_value() -> None:
    watch = see(fresh(), 2 * BATCH, 0)
    before = watching.to_notes(watch)
    see(watch, FIRST_WINDOWS, 1)
    assert watching.to_notes(watch) == before


@pytest.mark.parametrize("count", [BATCH, FIRST_WINDOWS, FIRST_WINDOWS + 1024])
def test_the_next_start_knows_as_much(count: int) -> None:
    watch = see(fresh(), count, 0)
    again = watching.recalled(fresh(), written(watch))
    assert (again.home is None) == (watch.home is None)
    np.testing.assert_allclose(again.first, watch.first)
    np.testing.assert_allclose(again.recent, watch.recent, rtol=1e-3)
    told, found = watching.drift(watch), watching.drift(again)
    assert (told is None) == (found is None)
    assert told is None or found is None or found.value == pytest.approx(told.value, rel=1e-2)


def test_a_home_that_the_bundle_brings_is_its_own() -> None:
    values = np.random.default_rng(9).normal(size=(1024, *SENSOR.window_shape)).astype(np.float32)
    home = home_of(TASK, values, values.mean(1))
    notes = written(see(fresh(), FIRST_WINDOWS + 64, 0))
    assert watching.recalled(watching.begun(VERSION, TASK, home), notes).home is home


def test_notes_of_another_version_say_nothing() -> None:
    notes = written(see(fresh(), FIRST_WINDOWS, 0))
    other = watching.begun("b" * 64, TASK, None)
    assert watching.recalled(other, notes) is other


@pytest.mark.parametrize("lost", ["recent", "first"])
def test_notes_that_lack_something_are_not_read_by_halves(lost: str) -> None:
    notes = written(see(fresh(), FIRST_WINDOWS if lost == "recent" else BATCH, 0))
    del notes[lost]
    with pytest.raises(KeyError):
        watching.recalled(fresh(), notes)
