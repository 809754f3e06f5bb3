"""A map before the last layer, and the last layer that holds it."""

import numpy as np
import pytest

from adapters.objective import Pools
from adapters.objectives.coral_map import CORAL_MAP
from adapters.objectives.feature_map import (
    FeatureMap,
    Moments,
    features_of,
    folded,
    head_names,
    moments_of,
    pulled,
    ridged,
)
from adapters.objectives.subspace import SUBSPACE
from adapters.objectives.transport import TRANSPORT
from adapters.scopes import head
from nets.inference import features, logits
from nets.model import Model
from nets.windows import Windows
from slipway.errors import Reason, Refused
from tests.nets.tasks import waves

RANDOM = np.random.default_rng(0)


def test_the_folded_layer_answers_as_the_map_and_the_layer(base):
    values, _ = waves(30, 3)
    found = features(base, values).astype(np.float64)
    size = found.shape[1]
    mapping = FeatureMap(*(RANDOM.standard_normal(shape) for shape in ((size, size), size, size)))
    kernel, bias = head_names(base)
    expected = ((found - mapping.before) @ mapping.matrix + mapping.after) @ base.arrays[kernel] + base.arrays[bias]
    changed = folded(base, mapping)
    assert changed.keys() == {kernel, bias}
    mapped = Model(base.task, base.layers, {**base.arrays, **changed})
    np.testing.assert_allclose(logits(mapped, values), expected, rtol=1e-3, atol=1e-3)


def test_the_identity_changes_nothing(base):
    size = base.arrays[head_names(base)[0]].shape[0]
    changed = folded(base, FeatureMap(np.eye(size), np.ones(size), np.ones(size)))
    for name, array in changed.items():
        np.testing.assert_allclose(array, base.arrays[name], atol=1e-6)


def test_moments_are_numpys():
    x = RANDOM.standard_normal((20, 3)).astype(np.float32) * 4 + 1
    found = moments_of(x)
    np.testing.assert_allclose(found.mean, x.mean(0), rtol=1e-5)
    np.testing.assert_allclose(found.covariance, np.cov(x.T.astype(np.float64)), rtol=1e-9)
    assert found.windows == 20 and not moments_of(x[:1]).covariance.any()


def test_few_windows_are_pulled_to_the_source_and_many_are_not():
    source = Moments(np.zeros(4), np.diag([4.0, 3, 2, 1]), 1000)
    for windows, share in ((4, 0.5), (12, 0.75), (4_000_000, 1.0)):
        target = Moments(np.zeros(4), np.eye(4) * 9, windows)
        expected = share * np.eye(4) * 9 + (1 - share) * source.covariance
        np.testing.assert_allclose(pulled(target, source), expected, rtol=1e-4)


def test_a_ridge_makes_any_covariance_invertible():
    assert np.linalg.eigvalsh(ridged(np.zeros((3, 3)))).min() > 0
    assert np.linalg.eigvalsh(ridged(np.outer([1, 2, 3], [1, 2, 3]))).min() > 0


@pytest.mark.parametrize("term", [CORAL_MAP, SUBSPACE, TRANSPORT], ids=lambda term: term.name)
class TestEveryClosedForm:
    def test_source_and_head_are_needed(self, base, term):
        windows, names = Windows(waves(9, 0)[0], None), head().names(base)
        with pytest.raises(Refused) as refused:
            term.solve(base, names, Pools(windows, None))
        assert (refused.value.reason, refused.value.field) == (Reason.SOURCE_MISSING, "source_values")
        with pytest.raises(Refused) as refused:
            term.solve(base, frozenset({"0.mean"}), Pools(windows, windows))
        assert (refused.value.reason, refused.value.field) == (Reason.FIELD_INVALID, "scope")

    @pytest.mark.parametrize("pool", ["one window", "all alike", "constant", "two windows"])
    def test_poor_pools_give_finite_numbers(self, base, term, pool):
        values, _ = waves(20, 3)
        pools = {
            "one window": values[:1],
            "all alike": values[:1].repeat(20, 0),
            "constant": np.full_like(values, 3.0),
            "two windows": values[:2],
        }
        for target, source in ((pools[pool], values), (values, pools[pool]), (pools[pool], pools[pool])):
            found = term.solve(base, head().names(base), Pools(Windows(target, None), Windows(source, None)))
            assert found.keys() == set(head_names(base))
            assert all(np.isfinite(array).all() for array in found.values())

    def test_a_pool_that_looks_like_home_keeps_the_answers(self, base, term):
        values, labels = waves(600, 3)
        pools = Pools(Windows(values, None), Windows(values, None))
        mapped = Model(base.task, base.layers, {**base.arrays, **term.solve(base, head().names(base), pools)})
        before, after = (float((logits(model, values).argmax(1) == labels).mean()) for model in (base, mapped))
        assert after > before - 0.02


def test_features_come_from_the_model_that_is_given(base):
    values, _ = waves(12, 3)
    pools = Pools(Windows(values, None), Windows(values[:5], None))
    target, source = features_of(base, head().names(base), pools, "coral_map")
    np.testing.assert_array_equal(target, features(base, values))
    np.testing.assert_allclose(source, target[:5], atol=1e-5)
