"""Match the base's softened answers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from adapters.engine import adapt
from adapters.objective import Objective
from adapters.objectives.distillation import DISTILLATION, TEMPERATURE
from adapters.objectives.entropy import ENTROPY
from adapters.options import Options
from nets.inference import softmax
from tests.adapters.objectives.sight import domain, signals
from tests.adapters.shifts import accuracy, drifted

TEACHER = np.array([[2.0, 0.5, -1.0], [0.0, 3.0, 1.0]], np.float32)
STUDENT = np.array([[1.0, 1.0, 0.0], [0.5, 2.0, -1.0]], np.float32)


def remembering(teacher):
    return lambda values: (jnp.asarray(teacher), jnp.asarray(teacher))


def test_it_is_the_divergence_of_the_softened_answers_times_the_squared_temperature():
    wanted, found = softmax(TEACHER / TEMPERATURE), softmax(STUDENT / TEMPERATURE)
    expected = TEMPERATURE**2 * (wanted * np.log(wanted / found)).sum(1).mean()
    loss = DISTILLATION.loss(signals(target=domain(STUDENT), base=remembering(TEACHER)))
    assert float(loss) == pytest.approx(expected, rel=1e-4)
    both = DISTILLATION.loss(signals(target=domain(STUDENT), source=domain(STUDENT), base=remembering(TEACHER)))
    assert float(both) == pytest.approx(2 * expected, rel=1e-4)


def test_the_base_has_nothing_to_learn_from_itself():
    def loss(logits):
        return DISTILLATION.loss(signals(target=domain(logits), base=remembering(TEACHER)))

    value, slope = jax.value_and_grad(loss)(jnp.asarray(TEACHER))
    assert float(value) == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(slope, 0, atol=1e-6)


def test_a_regression_is_held_in_units_of_its_outputs():
    target = domain([[1.0, 20.0]], labels=[[jnp.nan, jnp.nan]])
    loss = DISTILLATION.loss(
        signals(target=target, base=remembering([[0.0, 0.0]]), output_scale=jnp.array([1.0, 10.0]))
    )
    assert float(loss) == pytest.approx(0.5 * (1 + 4) / 2)


def test_it_keeps_entropy_from_running_away(base):
    pool, _ = drifted(200, 1)
    test = drifted(600, 2)

    def adapted(*weights):
        objective = Objective((ENTROPY, DISTILLATION)[: len(weights)], weights)
        options = Options(steps=150)
        return adapt(base, scope="norm_affine", objective=objective, target_values=pool, options=options).model

    assert accuracy(adapted(1.0), *test) < accuracy(base, *test) - 0.1  # alone it gives nearly every window one class
    assert accuracy(adapted(1.0, 1.0), *test) > accuracy(base, *test) - 0.01
