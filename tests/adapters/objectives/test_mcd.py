"""Two heads that seek disagreement, and features that leave them none."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings

from adapters.engine import adapt
from adapters.objectives.cross_entropy import CROSS_ENTROPY
from adapters.objectives.mcd import MCD, discrepancy, second_head
from adapters.options import Options
from nets.losses import cross_entropy
from tests.adapters.objectives.two_domains import beside, check_finite, degenerate, gradients, own_numbers, seen, tiny
from tests.adapters.shifts import accuracy, shifted
from tests.nets.tasks import waves

RANDOM = np.random.default_rng(0)
SOURCE, TARGET = RANDOM.standard_normal((9, 5)), RANDOM.standard_normal((6, 5)) + 1
HEAD = RANDOM.standard_normal((5, 3)).astype(np.float32)


def test_the_discrepancy_is_the_mean_difference_of_probabilities():
    one, other = np.log([[0.5, 0.5], [0.9, 0.1]]), np.log([[0.5, 0.5], [0.2, 0.8]])
    assert float(discrepancy(jnp.asarray(one), jnp.asarray(other))) == pytest.approx((0 + 0 + 0.7 + 0.7) / 4, rel=1e-5)


def test_the_second_head_starts_near_the_first_and_apart_from_it():
    model = tiny()
    own = own_numbers(MCD, model)
    first = model.arrays[max(name for name in model.arrays if name.endswith("kernel"))]
    apart = np.asarray(own["mcd.kernel"]) - first
    assert 0.1 * first.std() < apart.std() < 0.6 * first.std()


def test_the_loss_is_the_labels_less_the_discrepancy():
    own, signals = own_numbers(MCD, tiny()), None
    signals = seen(SOURCE, TARGET, own=own, head=HEAD)
    labels = cross_entropy(second_head(signals, signals.source.features), signals.source.labels)
    apart = discrepancy(signals.target.logits, second_head(signals, signals.target.features))
    expected = float(labels) - 0.9999092 * float(apart)
    assert float(MCD.loss(signals)) == pytest.approx(expected, rel=1e-5)
    early = seen(SOURCE, TARGET, own=own, head=HEAD, progress=0.0)
    assert float(MCD.loss(early)) == pytest.approx(float(labels), rel=1e-6)


def test_heads_ascend_the_discrepancy_and_features_descend_it():
    own = own_numbers(MCD, tiny())

    def apart(target, own, head):
        signals = seen(SOURCE, target, own=own, head=head, labels=[-1] * 9)
        return discrepancy(signals.target.logits, second_head(signals, signals.target.features))

    def loss(target, own, head):
        return MCD.loss(seen(SOURCE, target, own=own, head=head, labels=[-1] * 9))

    now = TARGET.astype(np.float32), own, HEAD
    before = float(apart(*now))
    by_target, by_own, by_head = jax.grad(loss, argnums=(0, 1, 2))(*now)
    assert float(apart(now[0] - 0.05 * by_target, own, HEAD)) < before
    assert float(apart(now[0], jax.tree.map(lambda a, g: a - 0.05 * g, own, by_own), HEAD)) > before
    assert float(apart(now[0], own, HEAD - 0.05 * by_head)) > before


def test_the_source_is_pulled_by_its_labels_only():
    own = own_numbers(MCD, tiny())
    found = gradients(MCD, SOURCE, TARGET, own, head=HEAD, labels=[-1] * 9)[1]
    assert not np.asarray(found[0]).any() and np.asarray(found[1]).any()


def test_the_target_is_read_better(base):
    even = (1 / 3, 1 / 3, 1 / 3)
    home, labels = waves(400, 0)
    data = {"target_values": shifted(400, 1, even)[0], "source_values": home, "source_labels": labels}
    adapted = adapt(base, scope="full", objective=beside(CROSS_ENTROPY, MCD), options=Options(steps=200), **data)
    assert accuracy(adapted.model, *shifted(600, 2, even)) > accuracy(base, *shifted(600, 2, even)) + 0.3


@given(degenerate())
@settings(max_examples=30)
def test_no_batch_gives_a_number_that_is_not_finite(batch):
    check_finite(MCD, *batch)
