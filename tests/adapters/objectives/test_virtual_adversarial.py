"""Virtual adversarial training: the worst small step must not change the answer."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from adapters.engine import adapt
from adapters.objectives.entropy import ENTROPY
from adapters.objectives.information_maximisation import INFORMATION_MAXIMISATION
from adapters.objectives.virtual_adversarial import RADIUS, VIRTUAL_ADVERSARIAL, unit
from adapters.options import Options
from nets.inference import probabilities
from tests.adapters.objectives.sight import domain, only, signals
from tests.adapters.objectives.toys import HARD_SHARES, hard
from tests.adapters.shifts import accuracy

VALUES = np.random.default_rng(0).standard_normal((4, 5, 1)).astype(np.float32)
SLOPE = np.linspace(-1, 1, 5, dtype=np.float32)


def linear(values):
    """Two classes told apart by the inner product of the window with SLOPE."""
    score = (values[..., 0] * SLOPE).sum(-1)
    return values, jnp.stack([score, -score], -1)


def test_for_a_linear_net_the_worst_direction_is_its_slope():
    step = RADIUS * np.sqrt(VALUES[0].size) * VALUES.std()
    worst = SLOPE / np.linalg.norm(SLOPE)
    score = (VALUES[..., 0] * SLOPE).sum(-1)

    def divergence(moved):
        p, q = (1 / (1 + np.exp(-2 * s)) for s in (score, moved))
        return p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))

    either = [divergence(score + sign * step * (SLOPE @ worst)) for sign in (1, -1)]
    seen = signals(target=domain(linear(VALUES)[1], values=VALUES), run=linear)
    found = float(VIRTUAL_ADVERSARIAL.loss(seen))
    assert np.minimum(*either).mean() * 0.999 <= found <= np.maximum(*either).mean() * 1.001


def test_the_unit_of_the_channels_does_not_matter():
    def value(scale):
        values = VALUES * scale
        seen = signals(target=domain(linear(VALUES)[1], values=values), run=lambda x: linear(x / scale))
        return float(VIRTUAL_ADVERSARIAL.loss(seen))

    assert value(1000.0) == pytest.approx(value(1.0), rel=1e-3)


def test_the_worst_direction_is_worse_than_chance():
    values = jnp.asarray(VALUES)
    step = RADIUS * np.sqrt(VALUES[0].size) * VALUES.std()
    clean = linear(values)[1]
    seen = signals(target=domain(clean, values=VALUES), run=linear)
    at_random = []
    for seed in range(20):
        moved = linear(values + step * unit(jax.random.normal(jax.random.key(seed), values.shape)))[1]
        p, q = jax.nn.log_softmax(clean), jax.nn.log_softmax(moved)
        at_random.append(float((jnp.exp(p) * (p - q)).sum(-1).mean()))
    assert float(VIRTUAL_ADVERSARIAL.loss(seen)) > 2 * np.mean(at_random)


def test_unit_keeps_directions_of_any_size_and_zero():
    tiny = np.zeros((2, 3, 1), np.float32)
    tiny[0, :, 0] = [3e-30, 0, 4e-30]
    np.testing.assert_allclose(unit(jnp.asarray(tiny))[..., 0], [[0.6, 0, 0.8], [0, 0, 0]], rtol=1e-5)


def test_beside_information_maximisation_it_lifts_a_shifted_pool(base):
    pool, _ = hard(200, 1)
    test = hard(600, 2)
    adapted = adapt(
        base,
        scope="norm_affine",
        objective=only(VIRTUAL_ADVERSARIAL, INFORMATION_MAXIMISATION),
        target_values=pool,
        options=Options(steps=60, marginal=HARD_SHARES),
    ).model
    assert accuracy(adapted, *test) > accuracy(base, *test) + 0.03


def test_it_makes_answers_steadier_than_entropy_alone(base):
    pool, _ = hard(200, 1)
    noise = 0.3 * np.random.default_rng(0).standard_normal(pool.shape).astype(np.float32)

    def changes(*terms):
        adapted = adapt(base, scope="full", objective=only(*terms), target_values=pool, options=Options(steps=40)).model
        return np.abs(probabilities(adapted, pool + noise) - probabilities(adapted, pool)).sum(1).mean()

    assert changes(ENTROPY, VIRTUAL_ADVERSARIAL) < changes(ENTROPY)
