"""Windows in between the domains are answered in between."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from adapters.engine import adapt
from adapters.objectives.mixup import MIXUP, TEMPERATURE, believed, mixed
from adapters.options import Options
from nets.inference import softmax
from tests.adapters.objectives.sight import domain, only, signals
from tests.adapters.objectives.toys import hard
from tests.adapters.shifts import accuracy
from tests.nets.tasks import waves

LOGITS = np.array([[2.0, 0.5, -1.0], [0.0, 3.0, 1.0]], np.float32)


def test_a_mixture_is_a_share_of_each():
    one, other = np.arange(12.0).reshape(2, 3, 2), np.ones((2, 3, 2))
    found = mixed(jnp.array([1.0, 0.25]), jnp.asarray(one), jnp.asarray(other))
    np.testing.assert_allclose(found, [one[0], 0.25 * one[1] + 0.75 * other[1]], rtol=1e-6)


def test_a_label_is_believed_and_else_the_sharpened_answer():
    found = believed(domain(LOGITS, labels=[2, -1]))
    np.testing.assert_allclose(found, [[0, 0, 1], softmax(LOGITS / TEMPERATURE)[1]], rtol=1e-5)


def test_a_number_is_believed_and_else_the_answer():
    found = believed(domain(LOGITS, labels=[[1.0, 2.0, 3.0], [np.nan] * 3]))
    np.testing.assert_allclose(found, [[1, 2, 3], LOGITS[1]])


def test_the_loss_is_the_cross_entropy_to_the_mixed_answers():
    random = np.random.default_rng(0)
    source = domain(LOGITS, labels=[2, 0], values=random.standard_normal((2, 3, 1)).astype(np.float32))
    target = domain(-LOGITS, values=random.standard_normal((2, 3, 1)).astype(np.float32))
    share = np.asarray(jax.random.uniform(jax.random.key(0), (2,)))
    one, other = (np.asarray(domain.values)[..., 0] for domain in (source, target))
    log_p = np.log(softmax(share[:, None] * one + (1 - share)[:, None] * other))
    wanted = share[:, None] * np.asarray(believed(source)) + (1 - share)[:, None] * np.asarray(believed(target))
    found = MIXUP.loss(signals(source=source, target=target, run=lambda values: (values, values[..., 0])))
    assert float(found) == pytest.approx(float(-(wanted * log_p).sum(1).mean()), rel=1e-5)


def test_no_gradient_reaches_the_answers_that_are_believed():
    def loss(logits):
        target = domain(logits, values=jnp.zeros((2, 3, 1)))
        return MIXUP.loss(signals(source=target, target=target, run=lambda values: (values, values[..., 0])))

    np.testing.assert_array_equal(jax.grad(loss)(jnp.asarray(LOGITS)), 0)


def test_it_lifts_a_shifted_pool(base):
    pool, _ = hard(200, 1)
    test = hard(600, 2)
    values, labels = waves(300, 0)
    adapted = adapt(
        base,
        scope="full",
        objective=only(MIXUP),
        target_values=pool,
        source_values=values,
        source_labels=labels,
        options=Options(steps=100),
    ).model
    assert accuracy(adapted, *test) > accuracy(base, *test) + 0.03
