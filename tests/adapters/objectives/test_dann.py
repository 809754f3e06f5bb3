"""The discriminator descends, the features ascend, and two domains come together."""

import jax
import numpy as np
import pytest
from flax import nnx
from hypothesis import given, settings

from adapters.engine import adapt
from adapters.objective import Objective, Pools
from adapters.objectives import discriminator
from adapters.objectives.coral import CORAL
from adapters.objectives.cross_entropy import CROSS_ENTROPY
from adapters.objectives.dann import DANN
from adapters.objectives.moments import MOMENTS
from adapters.objectives.reversal import schedule
from adapters.options import Options
from nets.inference import features
from nets.model import Model
from nets.network import names_of
from nets.windows import Windows
from tests.adapters.objectives.two_domains import beside, check_finite, degenerate, gradients, own_numbers, seen, tiny
from tests.adapters.shifts import accuracy, shifted
from tests.nets.tasks import waves

RANDOM = np.random.default_rng(0)
SOURCE, TARGET = RANDOM.standard_normal((8, 5)), RANDOM.standard_normal((6, 5)) + 1


def test_the_loss_is_the_discriminators():
    own = own_numbers(DANN, tiny())
    assert own["dann.kernel_0"].shape == (5, 64) and own["dann.kernel_2"].shape == (64, 1)
    expected = float(discriminator.domain_loss(own, "dann", SOURCE, TARGET))
    assert float(DANN.loss(seen(SOURCE, TARGET, own=own))) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("progress", [0.0, 0.05, 1.0])
def test_the_features_ascend_what_the_discriminator_descends(progress):
    own = own_numbers(DANN, tiny())

    def plain(source, target, own):
        return discriminator.domain_loss(own, "dann", source, target)

    expected = jax.grad(plain, argnums=(0, 1, 2))(SOURCE.astype(np.float32), TARGET.astype(np.float32), own)
    found = gradients(DANN, SOURCE, TARGET, own, progress=progress)[1]
    factor = float(schedule(np.float32(progress)))
    for index in (0, 1):
        np.testing.assert_allclose(found[index], -factor * np.asarray(expected[index]), rtol=1e-4, atol=1e-8)
    for name in own:
        np.testing.assert_allclose(found[2][name], expected[2][name], rtol=1e-4, atol=1e-7)


def at_home(model, values):
    """Features with the batch statistics of ``values``, as each domain had its own while it was learned."""
    names = names_of(model.layers, model.arrays, nnx.BatchStat)
    arrays = MOMENTS.solve(model, names, Pools(Windows(values, None), None))
    return features(Model(model.task, model.layers, {**model.arrays, **arrays}), values).astype(np.float64)


def separability(model, one, other):
    """Share of windows that a linear classifier, fitted to the other half of them, gives to the right domain."""
    x = np.concatenate([at_home(model, one), at_home(model, other)])
    x = np.c_[(x - x.mean(0)) / (x.std(0) + 1e-6), np.ones(len(x))]
    side = np.repeat([1.0, -1.0], [len(one), len(other)])
    fit = np.arange(len(x)) % 2 == 0
    weights = np.linalg.solve(x[fit].T @ x[fit] + np.eye(x.shape[1]), x[fit].T @ side[fit])
    return (np.sign(x[~fit] @ weights) == side[~fit]).mean()


def test_two_domains_come_together_and_the_target_is_read_better(base):
    even = (1 / 3, 1 / 3, 1 / 3)
    (home, labels), (pool, _) = waves(400, 0), shifted(400, 1, even)
    data = {"target_values": pool, "source_values": home, "source_labels": labels, "options": Options(steps=300)}
    adapted = adapt(base, scope="full", objective=beside(CROSS_ENTROPY, DANN), **data).model
    without = adapt(base, scope="full", objective=Objective((CROSS_ENTROPY, CORAL), (1, 1e-9)), **data).model
    test = shifted(600, 2, even)
    assert accuracy(adapted, *test) > max(0.95, accuracy(base, *test) + 0.3, accuracy(without, *test))
    one, other = waves(1500, 5)[0], shifted(1500, 6, even)[0]
    assert separability(adapted, one, other) < separability(without, one, other) - 0.02


@given(degenerate())
@settings(max_examples=30)
def test_no_batch_gives_a_number_that_is_not_finite(batch):
    check_finite(DANN, *batch)
