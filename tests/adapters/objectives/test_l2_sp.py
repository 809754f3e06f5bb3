"""Stay near the base."""

import jax
import numpy as np
import pytest

from adapters.engine import adapt
from adapters.objective import Objective
from adapters.objectives.information_maximisation import INFORMATION_MAXIMISATION
from adapters.objectives.l2_sp import L2_SP
from adapters.options import Options
from tests.adapters.objectives.sight import signals
from tests.adapters.shifts import drifted


def test_it_is_half_the_squared_distance_and_its_slope_is_the_distance():
    initial = {"0.kernel": np.array([[1.0, 2.0]], np.float32), "0.bias": np.array([3.0], np.float32)}
    now = {"0.kernel": np.array([[2.0, 0.0]], np.float32), "0.bias": np.array([3.5], np.float32)}

    def loss(changed):
        return L2_SP.loss(signals(changed=changed, initial=initial))

    value, slope = jax.value_and_grad(loss)(now)
    assert float(value) == pytest.approx(0.5 * (1 + 4 + 0.25))
    np.testing.assert_allclose(slope["0.kernel"], [[1.0, -2.0]])
    np.testing.assert_allclose(slope["0.bias"], [0.5])


def test_the_heavier_it_weighs_the_nearer_the_adapted_stay(base):
    pool, _ = drifted(200, 1)

    def distance(weight):
        objective = Objective((INFORMATION_MAXIMISATION, L2_SP), (1.0, weight))
        options = Options(steps=60, pull_to_base=0.0)
        adapted = adapt(base, scope="norm_affine", objective=objective, target_values=pool, options=options).model
        return sum(np.square(adapted.arrays[name] - base.arrays[name]).sum() for name in base.arrays)

    assert distance(100.0) < 0.5 * distance(1e-3)
