"""Answers do not depend on how windows are batched, and nothing is compiled twice."""

import numpy as np

from nets import inference
from nets.architectures import cnn
from nets.inference import features, logits, probabilities
from nets.model import Model
from nets.network import initial_arrays
from tests.nets.tasks import task, waves


def model(seed=0):
    of = task()
    return Model(
        of, cnn(of, widths=(4, 8), sizes=(3, 3)), initial_arrays(cnn(of, widths=(4, 8), sizes=(3, 3)), (16, 3), seed)
    )


def test_one_by_one_equals_all_at_once(monkeypatch):
    values, _ = waves(30, 0)
    monkeypatch.setattr(inference, "BATCH_LIMIT", 7)
    parts = logits(model(), values)
    monkeypatch.undo()
    np.testing.assert_allclose(parts, logits(model(), values), atol=1e-5)
    assert parts.shape == (30, 3) and features(model(), values).shape == (30, 8)


def test_no_windows_no_answers():
    assert logits(model(), np.zeros((0, 16, 3), np.float32)).shape == (0, 3)


def test_probabilities_sum_to_one():
    np.testing.assert_allclose(probabilities(model(), waves(9, 0)[0]).sum(1), 1, atol=1e-6)


def test_another_model_of_the_same_layers_is_not_compiled_again():
    values, _ = waves(20, 0)
    logits(model(0), values)
    compiled = inference._run._cache_size()
    logits(model(1), values[:17])
    assert inference._run._cache_size() == compiled
