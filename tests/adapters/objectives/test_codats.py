"""The domain by a softmax, and the proportions of the target's classes."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings

from adapters.engine import adapt
from adapters.objectives.codats import CODATS, proportions
from adapters.objectives.cross_entropy import CROSS_ENTROPY
from adapters.options import Options
from tests.adapters.objectives.two_domains import beside, check_finite, degenerate, gradients, own_numbers, seen, tiny
from tests.adapters.shifts import accuracy, shifted
from tests.nets.tasks import waves

RANDOM = np.random.default_rng(0)
SOURCE, TARGET = RANDOM.standard_normal((8, 5)), RANDOM.standard_normal((6, 5)) + 1


def test_proportions_are_a_divergence_of_means():
    expected = np.array([0.6, 0.3, 0.1])
    signals = seen(SOURCE, TARGET, marginal=expected)
    mean = np.asarray(jax.nn.softmax(signals.target.logits), np.float64).mean(0)
    assert float(proportions(signals)) == pytest.approx((expected * np.log(expected / mean)).sum(), rel=1e-4)
    assert float(proportions(seen(SOURCE, TARGET, marginal=mean))) == pytest.approx(0, abs=1e-5)


def test_who_knows_nothing_loses_log_two_and_the_proportions():
    own = {name: array * 0 for name, array in own_numbers(CODATS, tiny()).items()}
    signals = seen(SOURCE, TARGET, own=own)
    assert float(CODATS.loss(signals)) == pytest.approx(np.log(2) + float(proportions(signals)), rel=1e-5)


def test_a_regression_has_no_proportions():
    own = {name: array * 0 for name, array in own_numbers(CODATS, tiny()).items()}
    assert float(CODATS.loss(seen(SOURCE, TARGET, own=own, outputs=True))) == pytest.approx(np.log(2), rel=1e-5)


def test_source_is_the_first_domain_and_target_the_second():
    own = {name: array * 0 for name, array in own_numbers(CODATS, tiny()).items()}
    own["codats.bias_2"] = own["codats.bias_2"].at[0].set(3.0)  # everything is source
    right, wrong = -np.log(1 / (1 + np.exp(-3))), -np.log(1 / (1 + np.exp(3)))
    found = float(CODATS.loss(seen(SOURCE, TARGET, own=own, outputs=True)))
    assert found == pytest.approx((right + wrong) / 2, rel=1e-5)


def test_the_features_ascend_the_domain_and_not_before_anything_is_learned():
    own = own_numbers(CODATS, tiny())
    early = gradients(CODATS, SOURCE, TARGET, own, progress=0.0, outputs=True)[1]
    assert not np.asarray(early[0]).any() and np.asarray(early[2]["codats.kernel_0"]).any()
    before, (by_source, by_target, _) = gradients(CODATS, SOURCE, TARGET, own, outputs=True)
    moved = SOURCE - 0.1 * np.asarray(by_source), TARGET - 0.1 * np.asarray(by_target)
    assert float(CODATS.loss(seen(*moved, own=own, outputs=True))) > float(before)


def test_dropout_is_chance_of_the_key():
    own = own_numbers(CODATS, tiny())
    one, same, other = (float(CODATS.loss(seen(SOURCE, TARGET, own=own, key=key))) for key in (0, 0, 1))
    assert one == same != other


def test_the_target_is_read_better(base):
    shares = (0.5, 0.3, 0.2)
    home, labels = waves(400, 0)
    data = {"target_values": shifted(400, 1, shares)[0], "source_values": home, "source_labels": labels}
    options = Options(steps=200, marginal=shares)
    adapted = adapt(base, scope="full", objective=beside(CROSS_ENTROPY, CODATS), options=options, **data)
    assert accuracy(adapted.model, *shifted(600, 2)) > accuracy(base, *shifted(600, 2)) + 0.3


@given(degenerate())
@settings(max_examples=20)
def test_no_batch_gives_a_number_that_is_not_finite(batch):
    check_finite(CODATS, *batch)
