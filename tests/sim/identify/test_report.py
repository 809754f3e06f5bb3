"""A report tells in words what a fit holds, and needs nothing beside it."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import jax
import pytest

from sim.generate import windows
from sim.identify.fit import Fit, Marginal, Reach
from sim.identify.report import report, table
from sim.priors import Group, Prior
from tests.sim.identify.device import WORLD

CLOSE = Marginal("noise", "m/s2", 0.02, 0.1, 0.5, 0.09, 0.1, 0.11)
OPEN = Marginal("colour", "1", 0.05, 0.5, 0.95, 0.06, 0.5, 0.94)
WHOLE = Reach(0.4, {"acc_x": 0.9, "acc_y": 0.4}, 0.05)
GROUP = Group.of(("gain", "loudness"), [[1.0, -0.95], [-0.95, 1.0]])
PRIOR = Prior(WORLD.prior.parameters, WORLD.prior.distributions, (GROUP,))
FIT = Fit("unpaired", PRIOR, (CLOSE, OPEN), WHOLE, 1_000_000, 12.0, {})
VALUES = windows(WORLD, jax.random.key(0), 64)[0]


@pytest.fixture(scope="module")
def page() -> str:
    return report(FIT, WORLD, VALUES)


def test_every_parameter_is_told_with_what_became_of_it() -> None:
    rows = {line.split()[0]: line for line in table(FIT).splitlines() if line}
    assert "determined" in rows["noise"] and "24 times narrower" in rows["noise"]
    assert "open" in rows["colour"]


def test_a_posterior_at_the_edge_of_the_prior_says_so() -> None:
    assert "widen" in table(replace(FIT, marginals=(replace(CLOSE, median=0.019),)))
    assert "widen" not in table(FIT)


def test_the_page_holds_the_same_and_names_what_stands_in_for_each_other(page: str) -> None:
    assert "1 of 2 numbers are determined" in page and "1,000,000 simulated windows" in page
    assert "gain (-0.95)" in page and "In reach" in page


def test_the_page_needs_nothing_beside_it(page: str) -> None:
    HTMLParser().feed(page)
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert page.count("data:image/png;base64,") == 3


def test_a_broken_channel_is_told_with_its_fault() -> None:
    broken = Reach(0.002, {"acc_x": 0.9, "acc_y": 0.002}, 0.05, {"acc_y": "in g instead of m/s2?"})
    told = table(replace(FIT, reach=broken))
    assert "Out of reach: 1 of 2 channels" in told
    assert "acc_y (p = 0.002): in g instead of m/s2?" in told and "acc_x" not in told


def test_names_from_outside_are_escaped() -> None:
    hostile = replace(CLOSE, name="<script>")
    assert "<script>" not in report(replace(FIT, marginals=(hostile, OPEN)), WORLD, VALUES)
