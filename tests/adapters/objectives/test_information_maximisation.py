"""SHOT-IM, with the marginal that is expected in place of an even one."""

import numpy as np
import pytest

from adapters.engine import adapt
from adapters.objectives.information_maximisation import INFORMATION_MAXIMISATION
from adapters.options import Options
from tests.adapters.objectives.sight import domain, only, signals
from tests.adapters.objectives.toys import HARD_SHARES, hard
from tests.adapters.shifts import accuracy


def test_it_is_entropy_and_divergence():
    p = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]])
    marginal = np.array([0.5, 0.25, 0.25])
    mean = p.mean(0)
    expected = -(p * np.log(p)).sum(1).mean() + (mean * np.log(mean / marginal)).sum()
    found = INFORMATION_MAXIMISATION.loss(signals(target=domain(np.log(p)), marginal=marginal))
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_it_lifts_a_shifted_pool_when_the_marginal_is_right_and_not_when_it_is_wrong(base):
    pool, _ = hard(200, 1)
    test = hard(600, 2)
    right, wrong = (
        adapt(
            base,
            scope="norm_affine",
            objective=only(INFORMATION_MAXIMISATION),
            target_values=pool,
            options=Options(steps=100, marginal=marginal),
        ).model
        for marginal in (HARD_SHARES, HARD_SHARES[::-1])
    )
    assert accuracy(right, *test) > accuracy(base, *test) + 0.03
    assert accuracy(wrong, *test) < accuracy(base, *test)
