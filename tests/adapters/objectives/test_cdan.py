"""What the discriminator is shown, and that it sees what the features alone hide."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings

from adapters.engine import adapt
from adapters.objectives import cdan
from adapters.objectives.cdan import CDAN
from adapters.objectives.cross_entropy import CROSS_ENTROPY
from adapters.objectives.dann import DANN
from adapters.options import Options
from tests.adapters.objectives.two_domains import beside, check_finite, degenerate, gradients, own_numbers, seen, tiny
from tests.adapters.shifts import accuracy, shifted
from tests.nets.tasks import waves

RANDOM = np.random.default_rng(0)
SOURCE, TARGET = RANDOM.standard_normal((8, 5)), RANDOM.standard_normal((6, 5)) + 1


def test_it_is_shown_features_times_probabilities():
    signals = seen(SOURCE, TARGET, own=own_numbers(CDAN, tiny()))
    shares = np.asarray(jax.nn.softmax(signals.source.logits))
    expected = np.stack([np.outer(f, p).ravel() for f, p in zip(SOURCE, shares, strict=True)])
    np.testing.assert_allclose(cdan.joint(signals, signals.source), expected, rtol=1e-5, atol=1e-6)
    assert signals.own["cdan.kernel_0"].shape[0] == 15


def test_random_forms_keep_inner_products_on_average():
    model = tiny(features=300, classes=20)  # 6000 products
    signals = seen(
        RANDOM.standard_normal((4, 300)), RANDOM.standard_normal((4, 300)),
        own=own_numbers(CDAN, model), head=RANDOM.standard_normal((300, 20)) / 10,
    )  # fmt: skip
    found = np.asarray(cdan.joint(signals, signals.source), np.float64)
    features, shares = np.asarray(signals.source.features), np.asarray(jax.nn.softmax(signals.source.logits))
    expected = (features @ features.T) * (shares @ shares.T)
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    assert found.shape == (4, cdan.RANDOM_WIDTH)
    np.testing.assert_allclose(found @ found.T / scale, expected / scale, atol=0.2)


def test_random_forms_are_never_learned():
    own = own_numbers(CDAN, tiny(features=300, classes=20))
    head = RANDOM.standard_normal((300, 20))
    found = gradients(CDAN, np.ones((2, 300)), np.zeros((2, 300)), own, head=head)[1][2]
    assert not np.asarray(found["cdan.random_features"]).any() and not np.asarray(found["cdan.random_classes"]).any()
    assert np.asarray(found["cdan.kernel_0"]).any()


def least_loss(term, source, target, head):
    """Of ``term``'s discriminator after 300 steps on fixed features."""
    own = own_numbers(term, tiny(source.shape[1], head.shape[1]))
    adam = optax.adam(1e-2)

    def step(state, _):
        own, moments = state
        loss, found = jax.value_and_grad(lambda own: term.loss(seen(source, target, own=own, head=head)))(own)
        updates, moments = adam.update(found, moments)
        return (optax.apply_updates(own, updates), moments), loss

    return float(jax.lax.scan(step, (own, adam.init(own)), None, 300)[1][-1])


def test_classes_that_changed_places_are_seen_by_it_and_not_by_dann():
    # The answer depends on the second feature only, which the discriminator of the features is not shown: both domains
    # hold the same places (first feature) and the same answers, joined the other way round.
    place = np.where(np.arange(64) < 32, 1.0, -1.0)
    head = np.array([[0.0, 0.0], [1.0, -1.0]])
    source, target = (np.stack([place, sign * 5 * place], 1) for sign in (1, -1))
    assert least_loss(DANN, source[:, :1], target[:, :1], head[:1]) == pytest.approx(np.log(2), abs=0.01)
    assert least_loss(CDAN, source, target, head) < 0.1


def test_no_gradient_flows_into_the_probabilities():
    own, head = own_numbers(CDAN, tiny()), jnp.asarray(RANDOM.standard_normal((5, 3)), jnp.float32)
    found = jax.grad(lambda head: CDAN.loss(seen(SOURCE, TARGET, own=own, head=head)))(head)
    assert not np.asarray(found).any()


def test_the_target_is_read_better(base):
    even = (1 / 3, 1 / 3, 1 / 3)
    home, labels = waves(400, 0)
    data = {"target_values": shifted(400, 1, even)[0], "source_values": home, "source_labels": labels}
    adapted = adapt(base, scope="full", objective=beside(CROSS_ENTROPY, CDAN), options=Options(steps=200), **data)
    assert accuracy(adapted.model, *shifted(600, 2, even)) > accuracy(base, *shifted(600, 2, even)) + 0.3


@given(degenerate())
@settings(max_examples=30)
def test_no_batch_gives_a_number_that_is_not_finite(batch):
    check_finite(CDAN, *batch)
