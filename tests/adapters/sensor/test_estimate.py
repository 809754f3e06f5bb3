"""The fault of a sensor, found without labels."""

from dataclasses import replace

import numpy as np
import pytest

from adapters.catalog import objective, scope
from adapters.engine import adapt
from adapters.objective import Objective, Pools
from adapters.objectives.sensor_match import SENSOR_MATCH
from adapters.options import Options
from adapters.sensor.estimate import estimate
from adapters.sensor.fault import Fault, fault_of, no_fault, rotation_matrix
from nets.front import with_correction
from nets.inference import logits
from nets.windows import Windows
from slipway.errors import Reason, Refused
from tests.adapters.devices import moved, read, worn

FINE = no_fault(6)
MATCH = Objective((SENSOR_MATCH,), (1.0,))


def turned(angle_deg, axis):
    return replace(FINE, rotation_rad=np.deg2rad(angle_deg) * np.asarray(axis, float))


FAULTS = {
    "a quarter turn": turned(90, (0, 0, 1)),
    "upside down": turned(180, (0, 1, 0)),
    "skewed": turned(40, (0.6, 0.8, 0)),
    "slightly tilted": turned(20, (1, 0, 0)),
    "gain": replace(FINE, gain=np.array([1, 1.12, 1, 1, 1, 1])),
    "bias": replace(FINE, bias=np.array([0, 0, 0, 0, 0.6, 0])),
    "lag": replace(FINE, lag=np.array([0, 0, 0, 2.5, 2.5, 2.5])),
    "all": Fault(
        np.array([0, 0, -np.pi / 2]), np.array([1.25, 1, 1, 1, 1, 1]), np.zeros(6), np.array([0, 0, 0, 1, 1, 1.0])
    ),
}


@pytest.fixture(scope="module")
def source():
    true, labels = moved(600, 0)
    return Windows(read(true, FINE), labels)


def pool(fault, count=300, seed=7, shares=(0.4, 0.3, 0.3)):
    true, labels = moved(count, seed, shares)
    return Windows(read(true, fault), np.full(count, -1, np.int32)), labels


def apart_deg(one: Fault, other: Fault) -> float:
    a, b = (np.asarray(rotation_matrix(fault.rotation_rad)) for fault in (one, other))
    return float(np.rad2deg(np.arccos(np.clip((np.trace(a @ b.T) - 1) / 2, -1, 1))))


@pytest.mark.parametrize("name", FAULTS)
def test_a_known_fault_is_found_with_the_source_at_hand(worn_model, source, name):
    fault = FAULTS[name]
    found = estimate(with_correction(worn_model), Pools(pool(fault)[0], source))
    assert apart_deg(found, fault) < 5
    np.testing.assert_allclose(found.gain, fault.gain, rtol=0.05)
    np.testing.assert_allclose(found.lag, fault.lag, atol=0.5)
    np.testing.assert_allclose(found.bias, fault.bias, atol=0.15)


@pytest.mark.parametrize("name", ["a quarter turn", "upside down"])
def test_a_turn_is_found_by_what_the_net_remembers(worn_model, name):
    found = estimate(with_correction(worn_model), Pools(pool(FAULTS[name])[0], None))
    assert apart_deg(found, FAULTS[name]) < 5


@pytest.mark.parametrize("with_source", [True, False])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_pool_like_home_is_left_alone(worn_model, source, with_source, seed):
    found = estimate(with_correction(worn_model), Pools(pool(FINE, seed=seed)[0], source if with_source else None))
    assert not found.found


def test_other_class_shares_are_no_fault(worn_model, source):
    found = estimate(with_correction(worn_model), Pools(pool(FINE, shares=(0.1, 0.2, 0.7))[0], source))
    assert not found.found


def test_too_few_windows_say_nothing(worn_model, source):
    few = pool(FAULTS["a quarter turn"], count=10)[0]
    assert not estimate(with_correction(worn_model), Pools(few, source)).found


def test_a_rings_channels_have_gains_and_no_turn(base):
    """Three unnamed channels are no vector."""
    from tests.nets.tasks import waves

    values, labels = waves(600, 0)
    read_high = (waves(300, 1)[0] * np.array([1, 1.3, 1], np.float32)).astype(np.float32)
    unknown = np.full(300, -1, np.int32)
    found = estimate(with_correction(base), Pools(Windows(read_high, unknown), Windows(values, labels)))
    np.testing.assert_allclose(found.gain, [1, 1.3, 1], rtol=0.05)
    assert not found.rotation_rad.any()


def test_the_engine_brings_a_turned_device_back(worn_model, source):
    target, labels = pool(FAULTS["a quarter turn"])
    adapted = adapt(worn_model, scope="sensor", objective=MATCH, target_values=target.values)

    def right(model):
        return (logits(model, target.values).argmax(1) == labels).mean()

    home = (logits(worn_model, source.values).argmax(1) == source.labels).mean()
    assert right(worn_model) < 0.75 * home and right(adapted.model) > home - 0.03
    assert set(adapted.report.changed) <= {"0.matrix", "0.offset", "0.delay"}


def test_a_gradient_finds_numbers_with_a_meaning(worn_model):
    """The scope serves any objective: what it learned can be read as a fault."""
    target, _ = pool(replace(FINE, gain=np.array([1, 1.3, 1, 1, 1, 1])))
    adapted = adapt(
        worn_model,
        scope=scope("sensor"),
        objective=objective("information_maximisation"),
        target_values=target.values,
        options=Options(steps=20),
    )
    arrays = adapted.model.arrays
    found = fault_of(*(arrays[f"0.{name}"] for name in ("matrix", "offset", "delay")), worn().sensor)
    assert found is not None and found.found


def test_another_scope_is_refused(worn_model):
    with pytest.raises(Refused) as refused:
        adapt(worn_model, scope="head", objective=MATCH, target_values=pool(FINE)[0].values)
    assert refused.value.reason is Reason.FIELD_INVALID and "sensor" in refused.value.remedy
