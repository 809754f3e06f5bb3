"""Attracting and dispersing: neighbours agree, the rest of the batch does not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from adapters.engine import adapt
from adapters.objectives.aad import AAD, DECAY, agreement
from adapters.options import Options
from tests.adapters.objectives.sight import domain, only, signals
from tests.adapters.objectives.toys import HARD_SHARES, hard
from tests.adapters.shifts import accuracy

P = np.array([[0.8, 0.1, 0.1], [0.3, 0.5, 0.2], [0.2, 0.2, 0.6]])
FOUND = {
    "aad.rows": jnp.array([[1, 2], [0, 2], [0, 1]]),
    "aad.real": jnp.array([[1.0, 1.0], [1.0, 0.0], [1.0, 1.0]]),
    "aad.answers": jnp.asarray(P[::-1].copy()),
}


@pytest.mark.parametrize("progress", [0.0, 0.4, 1.0])
def test_it_is_the_papers_sum_when_the_marginal_is_even(progress):
    remembered, expected = P[::-1], 0.0
    for i in range(3):
        near = [k for k, real in zip(FOUND["aad.rows"][i], FOUND["aad.real"][i], strict=True) if real]
        expected -= sum(P[i] @ remembered[k] for k in near) / 3
        expected += (1 + 10 * progress) ** -DECAY * sum(P[i] @ P[m] for m in range(3) if m != i) / 3
    seen = signals(target=domain(np.log(P)), found=FOUND, progress=jnp.float32(progress))
    assert float(AAD.loss(seen)) == pytest.approx(expected, rel=1e-5)


def test_dispersing_settles_at_the_expected_marginal():
    marginal = jnp.array([0.5, 0.3, 0.2])

    def crowding(logits):
        return agreement(jax.nn.softmax(jnp.tile(logits, (50, 1))), marginal).mean()

    at_rest = np.asarray(jax.grad(crowding)(jnp.log(marginal)))
    even = np.asarray(jax.grad(crowding)(jnp.zeros(3)))
    np.testing.assert_allclose(at_rest, 0, atol=1e-5)
    assert even[0] < -0.5 and even[2] > 0.5  # a step gives the frequent class more


def test_a_window_does_not_flee_from_itself():
    np.testing.assert_allclose(agreement(jnp.array([[1.0, 0.0]]), jnp.array([0.5, 0.5])), [0.0])


def test_it_lifts_a_shifted_pool(base):
    pool, _ = hard(200, 1)
    test = hard(600, 2)
    options = Options(steps=100, marginal=HARD_SHARES)
    adapted = adapt(base, scope="norm_affine", objective=only(AAD), target_values=pool, options=options).model
    assert accuracy(adapted, *test) > accuracy(base, *test) + 0.02
