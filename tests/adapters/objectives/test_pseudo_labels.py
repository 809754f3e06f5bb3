"""SHOT's own labels: the class of the nearest centre, found over the whole pool."""

import jax.numpy as jnp
import numpy as np
import pytest

from adapters.engine import adapt
from adapters.objectives.pseudo_labels import PSEUDO_LABELS, nearest_centres, refresh
from adapters.options import Options
from nets.network import Network
from nets.windows import Windows, place
from tests.adapters.objectives.sight import domain, only, signals, small
from tests.adapters.objectives.toys import hard
from tests.adapters.shifts import accuracy
from tests.nets.tasks import waves


def by_hand(features, p):
    """Equations of the paper, a window at a time."""
    answered = set(p.argmax(1))

    def nearest(weights):
        centres = [(weights[:, k, None] * features).sum(0) / max(weights[:, k].sum(), 1e-9) for k in range(p.shape[1])]
        labels = []
        for f in features:
            cosines = [
                f @ c / np.linalg.norm(c) if k in answered and weights[:, k].sum() > 0 else -np.inf
                for k, c in enumerate(centres)
            ]
            labels.append(int(np.argmax(cosines)))
        return np.array(labels)

    return nearest(np.eye(p.shape[1])[nearest(p)])


@pytest.mark.parametrize("seed", range(5))
def test_it_is_what_the_equations_give_by_hand(seed):
    random = np.random.default_rng(seed)
    features = random.standard_normal((40, 5))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    p = random.dirichlet(np.full(4, 0.3), 40)
    found = nearest_centres(*(jnp.asarray(x, jnp.float32) for x in (features, p, np.ones(40))))
    np.testing.assert_array_equal(found, by_hand(features, p))


def test_the_shape_of_the_pool_overrules_a_wrong_answer():
    random = np.random.default_rng(0)
    features = np.repeat(np.eye(2), 20, 0) + 0.05 * random.standard_normal((40, 2))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    p = np.where(np.arange(40)[:, None] < 20, [[0.9, 0.1]], [[0.1, 0.9]])
    p[[3, 25]] = [[0.2, 0.8], [0.8, 0.2]]
    found = nearest_centres(*(jnp.asarray(x, jnp.float32) for x in (features, p, np.ones(40))))
    np.testing.assert_array_equal(found, np.arange(40) >= 20)


def test_a_class_that_is_never_answered_gets_no_window():
    p = np.tile([[0.5, 0.3, 0.2]], (8, 1))
    features = np.eye(8)
    found = nearest_centres(*(jnp.asarray(x, jnp.float32) for x in (features, p, np.ones(8))))
    np.testing.assert_array_equal(found, np.zeros(8))


def test_padded_rows_count_for_nothing():
    model, (values, _) = small(), waves(13, 0)
    labels = np.full(13, -1, np.int32)
    network = Network(model.layers, model.arrays)
    padded, count = place(Windows(values, labels))
    assert len(padded.values) > 13
    noise = padded._replace(values=padded.values.at[13:].set(50.0))
    plain, noisy = (refresh(network, windows, count)["pseudo_labels.labels"] for windows in (padded, noise))
    np.testing.assert_array_equal(plain, noisy)
    np.testing.assert_array_equal(noisy[13:], -1)


def test_the_loss_is_the_cross_entropy_of_the_windows_own_rows():
    logits = np.log([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]])
    target = domain(logits, rows=[5, 2])
    found = {"pseudo_labels.labels": jnp.array([0, 0, 1, 0, 0, 2])}
    expected = -(np.log(0.1) + np.log(0.6)) / 2
    assert float(PSEUDO_LABELS.loss(signals(target=target, found=found))) == pytest.approx(expected, rel=1e-5)


def test_it_lifts_a_shifted_pool(base):
    pool, _ = hard(200, 1)
    test = hard(600, 2)
    adapted = adapt(
        base, scope="norm_affine", objective=only(PSEUDO_LABELS), target_values=pool, options=Options(steps=100)
    ).model
    assert accuracy(adapted, *test) > accuracy(base, *test) + 0.03
