"""What a way to adapt is worth is counted on devices made of labelled windows, and rival explanations are weighed."""

import json
from dataclasses import replace

import numpy as np
import pytest

from adapters.engine import adapt
from adapters.gate import pseudo_devices
from adapters.gate.overlap import overlap
from adapters.gate.rehearsal import Drill, Effort, Rehearsal, lower, rehearse, student
from nets.model import Model
from nets.windows import Windows
from tests.adapters.shifts import shifted
from tests.nets.tasks import waves

EVEN = np.full(3, 1 / 3)
SOURCE = Windows(*waves(1200, 0))
POOL = shifted(300, 1)[0]
FEW = waves(300, 4, (0.9, 0.05, 0.05))[0]  # home's sensor in a world of mostly one class
EFFORT = Effort(worlds=2, sensors=2, windows=200)


def statistics(base, scope="input_statistics"):
    return lambda values: adapt(base, scope=scope, objective="moments", target_values=values).model


def spoiled(base):
    """A way to adapt that answers the first class more often, whatever the pool."""
    bias = base.arrays["10.bias"] + np.array([6, 0, 0], np.float32)
    return lambda values: Model(base.task, base.layers, {**base.arrays, "10.bias": bias})


@pytest.fixture(scope="module")
def stage(base):
    return pseudo_devices.Stage(SOURCE, POOL, (), np.stack([EVEN, EVEN]), overlap(base, POOL, SOURCE).log_odds)


@pytest.fixture(scope="module")
def on_another_sensor(base):
    methods = {"statistics": statistics(base), "nothing": lambda values: base, "spoiled": spoiled(base)}
    return rehearse(base, methods, POOL, SOURCE, source_marginal=EVEN, effort=EFFORT)


def test_windows_of_home_overlap_and_those_of_another_sensor_do_not(base):
    assert overlap(base, waves(300, 5)[0], SOURCE).share > 0.8
    assert overlap(base, FEW, SOURCE).share > 0.3
    assert overlap(base, POOL, SOURCE).share < 0.02


def test_look_alikes_are_drawn_from_what_the_pool_holds(base):
    stage = pseudo_devices.Stage(SOURCE, FEW, (), np.stack([EVEN, EVEN]), overlap(base, FEW, SOURCE).log_odds)
    made = pseudo_devices.windows(stage, pseudo_devices.LOOK_ALIKE, 300, np.random.default_rng(0))
    assert (made.labels == 0).mean() > 0.6


@pytest.mark.parametrize("explanation", ["moments", "covariance", "quantiles", "spectrum"])
def test_a_changed_sensor_reads_more_like_the_pool_and_keeps_its_labels(stage, explanation):
    random = np.random.default_rng(0)
    made = [pseudo_devices.windows(stage, explanation, 300, random) for _ in range(6)]

    def distance(values):
        means = (values.mean((0, 1)) - POOL.mean((0, 1))) / POOL.std((0, 1))
        return np.abs(means).sum() + np.abs(np.log(values.std((0, 1)) / POOL.std((0, 1)))).sum()

    assert np.mean([distance(each.values) for each in made]) < 0.5 * distance(SOURCE.values)
    assert made[0].values.dtype == np.float32
    assert np.bincount(made[0].labels, minlength=3).min() > 30


def test_a_turned_device_reads_vectors_of_the_same_length(stage):
    vectors = replace(stage, vectors=((0, 1, 2),), pool=SOURCE.values)
    assert "turned" in pseudo_devices.explanations(vectors)
    assert "turned" not in pseudo_devices.explanations(stage)
    made = pseudo_devices.windows(vectors, "turned", 300, np.random.default_rng(0)).values
    assert np.square(made).sum(-1).mean() == pytest.approx(np.square(SOURCE.values).sum(-1).mean(), rel=0.2)


def test_single_readings_have_no_spectrum(stage):
    assert "spectrum" not in pseudo_devices.explanations(replace(stage, pool=POOL[:, :1]))


def test_where_only_the_sensor_explains_the_pool_what_mends_it_is_defended(on_another_sensor):
    found = on_another_sensor
    assert not found.world_stands
    assert found.bound("statistics") > 0
    assert found.bound("nothing") == found.mean("nothing") == 0
    assert found.bound("spoiled") < found.bound("statistics")
    assert found.better("statistics", "nothing")
    assert not found.better("nothing", "statistics")
    json.dumps(found.to_json(), allow_nan=False)


def test_where_the_world_may_be_all_that_differs_what_undoes_it_is_not_defended(base):
    asked = []

    def counted(name, method):
        return lambda values: (asked.append(name), method(values))[1]

    scope = "input_statistics + norm_statistics"
    methods = {
        "statistics": counted("statistics", statistics(base, scope)),
        "nothing": counted("nothing", lambda v: base),
    }
    found = rehearse(base, methods, FEW, SOURCE, source_marginal=EVEN, effort=EFFORT)
    assert found.world_stands
    assert found.bound("statistics") < 0
    assert asked.count("statistics") == 4  # two devices of each kind of world, and no sensor after that
    assert asked.count("nothing") > 4


def test_the_same_seed_rehearses_the_same(base, on_another_sensor):
    again = rehearse(base, {"statistics": statistics(base)}, POOL, SOURCE, source_marginal=EVEN, effort=EFFORT)
    assert again.means("statistics") == on_another_sensor.means("statistics")


def test_an_explanation_counts_once_however_often_it_is_drawn():
    def rehearsal(copies):
        gains = {"moments": 0.2, "covariance": 0.1, "faults": -0.1}
        drills = (Drill(name, 0.5, 0.5, {"a": gain}) for name, gain in gains.items() for _ in range(copies))
        return Rehearsal(0.0, False, tuple(drills))

    assert rehearsal(1).bound("a") == pytest.approx(rehearsal(20).bound("a"))


def test_the_worse_kind_of_explanation_counts():
    sensors = [Drill(name, 0.5, 0.5, {"a": 0.3}) for name in ("moments", "covariance", "faults")]
    worlds = [Drill("look-alikes", 0.9, 0.9, {"a": gain}) for gain in (-0.1, -0.12)]
    assert Rehearsal(0.0, False, tuple(sensors)).bound("a") == pytest.approx(0.3)
    assert Rehearsal(0.5, True, (*sensors, *worlds)).bound("a") < -0.1
    assert Rehearsal(0.5, True, (*sensors, *worlds)).bound("never tried") is None


@pytest.mark.parametrize(("confidence", "freedom", "table"), [(0.9, 5, 1.476), (0.95, 3, 2.353), (0.9, 7, 1.415)])
def test_students_quantiles_are_those_of_the_tables(confidence, freedom, table):
    assert student(confidence, freedom) == pytest.approx(table, rel=0.01)


def test_one_gain_bounds_nothing():
    assert lower([0.5], 0.9) == -1.0
    assert lower([0.1, 0.1, 0.1], 0.9) == pytest.approx(0.1)
