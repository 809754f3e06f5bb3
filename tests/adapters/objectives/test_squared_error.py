"""The supervised term of a regression."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from adapters.engine import adapt
from adapters.objectives.squared_error import SQUARED_ERROR
from adapters.options import Options
from nets.inference import logits
from slipway.errors import Refused
from tests.adapters.objectives.sight import REGRESSION, domain, only, signals, small
from tests.nets.tasks import waves


def test_it_is_the_mean_square_in_units_of_each_output():
    known = domain([[1.0, 10.0], [3.0, 30.0]], labels=[[2.0, 10.0], [3.0, 10.0]])
    source = domain([[1.0, 10.0]], labels=[[1.0, 20.0]])
    scale = jnp.array([1.0, 10.0])
    expected = (1 / 2 + 4 / 2) / 2 + 1 / 2
    found = SQUARED_ERROR.loss(signals(labelled=known, source=source, output_scale=scale))
    assert float(found) == pytest.approx(expected)


def test_windows_without_an_answer_neither_count_nor_spoil_the_gradient():
    labels = jnp.array([[2.0, 10.0], [jnp.nan, 1.0]])

    def loss(answers):
        return SQUARED_ERROR.loss(signals(labelled=domain(answers, labels=labels), output_scale=jnp.ones(2)))

    value, slope = jax.value_and_grad(loss)(jnp.array([[1.0, 10.0], [5.0, 5.0]]))
    assert float(value) == pytest.approx(0.5)
    np.testing.assert_allclose(slope, [[-1.0, 0.0], [0.0, 0.0]])


def test_it_serves_regressions_only():
    values, _ = waves(20, 0)
    with pytest.raises(Refused, match="squared_error"):
        adapt(small(), scope="head", objective=only(SQUARED_ERROR), target_values=values, target_labels=np.zeros(20))


def test_a_head_finds_the_answers_that_a_head_can_give():
    base, values = small(REGRESSION), waves(300, 1)[0]
    random = np.random.default_rng(0)
    other = {
        "4.kernel": (random.standard_normal((6, 2)) * [1, 100]).astype(np.float32),
        "4.bias": np.array([0.5, -50.0], np.float32),
    }
    targets = logits(replace(base, arrays={**base.arrays, **other}), values)
    scale = targets.std(0)

    def error(model):
        return float(np.square((logits(model, values[200:]) - targets[200:]) / scale).mean())

    adapted = adapt(
        base,
        scope="head",
        objective=only(SQUARED_ERROR),
        target_values=values[:200],
        target_labels=targets[:200],
        options=Options(steps=600, learning_rate=0.3, pull_to_base=0.0, patience=0.9),
    ).model
    assert error(adapted) < 0.05 * error(base)
