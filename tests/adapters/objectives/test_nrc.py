"""Neighbourhood reciprocity clustering: believe the neighbours, and more those that return it."""

import jax.numpy as jnp
import numpy as np
import pytest

from adapters.engine import adapt
from adapters.objectives.nrc import DOUBT, NRC, reciprocal
from adapters.options import Options
from tests.adapters.objectives.sight import domain, only, signals
from tests.adapters.objectives.toys import HARD_SHARES, hard
from tests.adapters.shifts import accuracy


def by_hand(rows, real, remembered, batch):
    """The sums over neighbours and neighbours' neighbours, one at a time."""
    wanted = []
    for i in batch:
        total = remembered[i].copy()
        for a, k in enumerate(rows[i]):
            if not real[i, a]:
                continue
            returned = any(rows[k, b] == i and real[k, b] for b in range(rows.shape[1]))
            total += (1.0 if returned else DOUBT) * remembered[k]
            total += DOUBT * sum(remembered[m] * real[k, b] for b, m in enumerate(rows[k]))
        wanted.append(total)
    return np.array(wanted)


@pytest.mark.parametrize("seed", range(3))
def test_it_is_what_the_sums_give_by_hand(seed):
    random = np.random.default_rng(seed)
    rows = np.stack([random.permutation(np.delete(np.arange(9), i))[:3] for i in range(9)])
    real = (random.uniform(size=(9, 3)) < 0.8).astype(np.float32)
    remembered = random.dirichlet(np.ones(4), 9)
    batch = random.permutation(9)[:5]
    found = reciprocal(*(jnp.asarray(x) for x in (rows, real, remembered.astype(np.float32), batch)))
    np.testing.assert_allclose(found, by_hand(rows, real, remembered, batch), rtol=1e-5)


def test_agreeing_with_reciprocal_neighbours_is_worth_more():
    remembered = jnp.eye(3)
    real = jnp.ones((3, 1))
    mutual = reciprocal(jnp.array([[1], [0], [0]]), real, remembered, jnp.array([0]))
    alone = reciprocal(jnp.array([[1], [2], [0]]), real, remembered, jnp.array([0]))
    assert float(mutual[0, 1]) == pytest.approx(1.0)
    assert float(alone[0, 1]) == pytest.approx(DOUBT)


def test_the_loss_adds_the_departure_from_the_expected_marginal():
    p = np.array([[0.8, 0.1, 0.1], [0.3, 0.5, 0.2]])
    marginal = np.array([0.6, 0.2, 0.2])
    found = {"nrc.rows": jnp.array([[1], [0]]), "nrc.real": jnp.zeros((2, 1)), "nrc.answers": jnp.asarray(p)}
    mean = p.mean(0)
    expected = (mean * np.log(mean / marginal)).sum() - (p * p).sum(1).mean()
    loss = NRC.loss(signals(target=domain(np.log(p)), marginal=marginal, found=found))
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_it_lifts_a_shifted_pool(base):
    pool, _ = hard(200, 1)
    test = hard(600, 2)
    options = Options(steps=100, marginal=HARD_SHARES)
    adapted = adapt(base, scope="norm_affine", objective=only(NRC), target_values=pool, options=options).model
    assert accuracy(adapted, *test) > accuracy(base, *test) + 0.03
