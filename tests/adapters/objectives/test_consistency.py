"""Another device of the kind must be answered the same."""

from math import pi

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from adapters.engine import adapt
from adapters.objectives.consistency import CONSISTENCY, ROTATION_RAD
from adapters.objectives.information_maximisation import INFORMATION_MAXIMISATION
from adapters.options import Options
from nets.augmentation import augmented, for_sensor
from nets.inference import probabilities, softmax
from slipway.spec import Channel, SensorSpec
from tests.adapters.objectives.sight import domain, only, signals
from tests.adapters.objectives.toys import HARD_SHARES, hard
from tests.adapters.shifts import accuracy

AXES = tuple(Channel(f"acc_{axis}", "m/s2") for axis in "xyz")
SENSOR = SensorSpec(AXES, 50.0, 8)
VALUES = np.random.default_rng(0).standard_normal((6, 8, 3)).astype(np.float32)


def tilt(values):
    """A net that looks at the first axis: a mounting changes its answer."""
    score = values[..., 0].mean(1)
    return values, jnp.stack([score, -score], -1)


def length(values):
    """A net that looks at lengths: no mounting changes its answer, gains do."""
    score = jnp.linalg.norm(values, axis=-1).mean(1)
    return values, jnp.stack([score, -score], -1)


def loss(net, sensor=SENSOR):
    return float(CONSISTENCY.loss(signals(target=domain(net(VALUES)[1], values=VALUES), run=net, sensor=sensor)))


def test_it_is_the_divergence_from_the_clean_answers():
    key = jax.random.split(jax.random.key(0), 1)[0]
    moved = augmented(key, jnp.asarray(VALUES), for_sensor(SENSOR, rotation_rad=ROTATION_RAD))
    p, q = (softmax(np.asarray(tilt(jnp.asarray(values))[1])) for values in (VALUES, moved))
    assert loss(tilt) == pytest.approx((p * np.log(p / q)).sum(1).mean(), rel=1e-3)


def test_a_net_that_no_mounting_can_change_is_steadier():
    assert 0 < ROTATION_RAD < pi / 6
    assert loss(length) < loss(tilt)


def test_a_net_that_answers_always_the_same_is_steady():
    assert loss(lambda values: (values, jnp.ones((len(values), 2)))) == pytest.approx(0, abs=1e-7)


def test_a_regression_is_measured_in_units_of_its_outputs():
    def value(scale):
        found = scale * tilt(jnp.asarray(VALUES))[1]
        labels = np.full(found.shape, np.nan, np.float32)
        seen = signals(
            target=domain(found, values=VALUES, labels=labels),
            run=lambda values: (values, scale * tilt(values)[1]),
            output_scale=jnp.full(2, scale),
            sensor=SENSOR,
        )
        return float(CONSISTENCY.loss(seen))

    assert value(100.0) == pytest.approx(value(1.0), rel=1e-4)


def test_it_makes_answers_steadier(base):
    pool, _ = hard(200, 1)
    test = hard(300, 2)
    other = np.asarray(augmented(jax.random.key(9), jnp.asarray(test[0]), for_sensor(base.task.sensor)))

    def adapted(*terms):
        options = Options(steps=60, marginal=HARD_SHARES)
        return adapt(base, scope="norm_affine", objective=only(*terms), target_values=pool, options=options).model

    def unsteadiness(model):
        return np.abs(probabilities(model, test[0]) - probabilities(model, other)).sum(1).mean()

    with_it, without = adapted(INFORMATION_MAXIMISATION, CONSISTENCY), adapted(INFORMATION_MAXIMISATION)
    assert unsteadiness(with_it) < unsteadiness(without)
    assert accuracy(with_it, *test) > accuracy(base, *test)
