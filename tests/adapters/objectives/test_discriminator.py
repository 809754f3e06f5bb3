"""A small net, its loss, and that it can learn what it is for."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from adapters.objectives import discriminator


def numbers(widths, seed=0):
    found = discriminator.initial("dann", widths, np.random.default_rng(seed))
    return {name: jnp.asarray(array) for name, array in found.items()}


def test_it_is_dense_layers_with_rectifiers_between():
    own = numbers((3, 4, 1))
    x = np.random.default_rng(1).standard_normal((6, 3)).astype(np.float32)
    hidden = np.maximum(x @ np.asarray(own["dann.kernel_0"]) + np.asarray(own["dann.bias_0"]), 0)
    expected = hidden @ np.asarray(own["dann.kernel_1"]) + np.asarray(own["dann.bias_1"])
    np.testing.assert_allclose(discriminator.answer(own, "dann", x), expected, rtol=1e-5, atol=1e-6)


def test_numbers_of_another_term_do_not_count():
    own = numbers((3, 4, 1))
    x = np.ones((2, 3), np.float32)
    with_others = own | {"codats.kernel_0": jnp.zeros((3, 3)), "mcd.kernel": jnp.zeros((3, 3))}
    np.testing.assert_array_equal(discriminator.answer(with_others, "dann", x), discriminator.answer(own, "dann", x))


def test_who_knows_nothing_loses_log_two():
    own = {name: array * 0 for name, array in numbers((3, 4, 1)).items()}
    x = np.random.default_rng(1).standard_normal((6, 3))
    assert float(discriminator.domain_loss(own, "dann", x, x[:2])) == pytest.approx(np.log(2))


def test_the_loss_is_binary_cross_entropy_with_each_domain_counting_half():
    own = numbers((2, 3, 1), 4)
    random = np.random.default_rng(2)
    source, target = random.standard_normal((7, 2)), random.standard_normal((3, 2))
    odds = [np.asarray(discriminator.answer(own, "dann", x), np.float64) for x in (source, target)]
    expected = (-np.log(1 / (1 + np.exp(-odds[0]))).mean() - np.log(1 - 1 / (1 + np.exp(-odds[1]))).mean()) / 2
    assert float(discriminator.domain_loss(own, "dann", source, target)) == pytest.approx(expected, rel=1e-5)
    swapped = float(discriminator.domain_loss(own, "dann", target, source))
    assert swapped != pytest.approx(expected, rel=1e-2)


def identities(size):
    """Two layers that pass on what they are given, but for the rectifier."""
    kernels = {f"t.kernel_{index}": jnp.eye(size) for index in range(2)}
    return kernels | {f"t.bias_{index}": jnp.zeros(size) for index in range(2)}


def test_dropout_is_chance_of_the_key_and_scales_what_it_keeps():
    own, x = identities(200), jnp.ones((50, 200))
    dropped = discriminator.answer(own, "t", x, dropout=0.3, key=jax.random.key(0))
    np.testing.assert_allclose(np.unique(dropped), [0, 1 / 0.7], rtol=1e-6)
    assert float(dropped.mean()) == pytest.approx(1, abs=0.02)
    again = discriminator.answer(own, "t", x, dropout=0.3, key=jax.random.key(0))
    np.testing.assert_array_equal(dropped, again)
    np.testing.assert_array_equal(discriminator.answer(own, "t", x, dropout=0.3), x)


def test_normalised_layers_have_mean_0_and_deviation_1():
    x = np.random.default_rng(0).standard_normal((40, 3)) * 5 + 2
    expected = np.maximum((x - x.mean(0)) / x.std(0), 0)
    np.testing.assert_allclose(discriminator.answer(identities(3), "t", x, normalise=True), expected, atol=1e-4)


def test_it_learns_to_tell_two_clouds_apart():
    random = np.random.default_rng(0)
    source, target = (random.standard_normal((64, 4)) + offset for offset in (0.0, 1.5))
    own = numbers((4, *discriminator.HIDDEN, 1))
    adam = optax.adam(3e-3)

    def step(state, _):
        own, moments = state
        loss, found = jax.value_and_grad(discriminator.domain_loss)(own, "dann", source, target)
        updates, moments = adam.update(found, moments)
        return (optax.apply_updates(own, updates), moments), loss

    losses = jax.lax.scan(step, (own, adam.init(own)), None, 200)[1]
    assert losses[-1] < 0.2 < losses[0]
