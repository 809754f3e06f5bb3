"""Labels of the target, of the source, or of both."""

import numpy as np
import pytest

from adapters.objectives.cross_entropy import CROSS_ENTROPY
from tests.adapters.objectives.sight import domain, signals

LOGITS = np.log([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.2, 0.6]])


def test_domains_add_and_windows_without_a_label_do_not_count():
    known = domain(LOGITS, labels=[0, -1, -1])
    source = domain(LOGITS, labels=[-1, 1, 0])
    expected = -np.log(0.7) - (np.log(0.6) + np.log(0.2)) / 2
    assert float(CROSS_ENTROPY.loss(signals(labelled=known, source=source))) == pytest.approx(expected, rel=1e-5)


def test_a_label_counts_for_the_windows_it_stands_for():
    known = domain(LOGITS, labels=[0, 1, 2])
    weights = np.array([3.0, 1.0, 0.0])
    expected = -(3 * np.log(0.7) + np.log(0.6)) / 4
    found = CROSS_ENTROPY.loss(signals(labelled=known, label_weights=weights))
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_smoothing_asks_for_a_little_of_every_class():
    known = domain(LOGITS[:1], labels=[0])
    expected = -0.7 * np.log(0.7) - 0.1 * np.log([0.7, 0.2, 0.1]).sum()
    assert float(CROSS_ENTROPY.loss(signals(labelled=known, label_smoothing=0.3))) == pytest.approx(expected, rel=1e-5)
