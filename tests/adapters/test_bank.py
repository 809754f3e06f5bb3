"""The whole pool at once: who is near whom, and that padding is nobody."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters import bank as module
from adapters.bank import Bank, bank, in_chunks, neighbours
from nets.inference import outputs
from nets.network import Network
from nets.windows import Windows, place
from tests.adapters.objectives.sight import small
from tests.nets.tasks import waves


def unit_rows(count, seed):
    rows = np.random.default_rng(seed).standard_normal((count, 4)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def padded_bank(count, rows, seed):
    """A bank of ``count`` windows whose padding lies exactly on the first window: as near as can be."""
    features = unit_rows(rows, seed)
    features[count:] = features[0]
    return Bank(jnp.asarray(features), jnp.zeros((rows, 3)), jnp.asarray(np.arange(rows) < count, jnp.float32))


@settings(max_examples=25)
@given(count=st.integers(1, 12), seed=st.integers(0, 99))
def test_neighbours_are_the_nearest_others_and_never_padding(count, seed):
    found = neighbours(padded_bank(count, 12, seed), 3)
    features = unit_rows(12, seed)
    for i in range(count):
        cosines = features[:count] @ features[i]
        cosines[i] = -np.inf
        expected = np.argsort(-cosines, kind="stable")[: min(3, count - 1)]
        real = np.asarray(found.real[i]) > 0
        assert real.sum() == len(expected)
        np.testing.assert_array_equal(np.asarray(found.rows[i])[real], expected)


def test_a_bank_holds_the_networks_answers(monkeypatch):
    model, (values, labels) = small(), waves(37, 0)
    monkeypatch.setattr(module, "CHUNK", 7)
    padded, count = place(Windows(values, labels))
    found = bank(Network(model.layers, model.arrays), padded, count)
    features, logits = outputs(model.layers, model.arrays, values)
    np.testing.assert_allclose(found.logits[:37], logits, rtol=1e-4, atol=1e-5)
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    np.testing.assert_allclose(found.features[:37], features / lengths, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(found.real, np.arange(len(padded.values)) < 37)


@pytest.mark.parametrize("count", [1, 6, 7, 8, 21, 23])
def test_chunks_change_nothing(count, monkeypatch):
    rows = jnp.arange(count * 2.0).reshape(count, 2)
    monkeypatch.setattr(module, "CHUNK", 7)
    np.testing.assert_array_equal(in_chunks(lambda part: part * 2 + 1, rows), rows * 2 + 1)
