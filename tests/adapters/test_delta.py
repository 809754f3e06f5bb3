"""An adapter as bytes."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

from adapters import delta
from nets.model import Model, changed_arrays
from slipway.errors import Reason, Refused


def changed(base, seed, names):
    random = np.random.default_rng(seed)
    arrays = {name: random.standard_normal(base.arrays[name].shape).astype(np.float32) for name in names}
    return Model(base.task, base.layers, {**base.arrays, **arrays})


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_base_and_bytes_give_the_adapted_model(base, data):
    names = data.draw(st.sets(st.sampled_from(sorted(base.arrays))))
    adapted = changed(base, data.draw(st.integers(0, 99)), names)
    carried = delta.to_bytes(base, adapted)
    found = delta.apply(base, carried)
    assert not changed_arrays(adapted, found)
    assert set(load(carried)) - {"__base_sha256__"} == names
    assert delta.to_bytes(base, found) == carried


def test_it_carries_what_changed_and_little_else(base):
    assert len(delta.to_bytes(base, changed(base, 0, ["0.mean", "0.deviation"]))) < 24 + 400


def test_another_base_is_refused(base):
    carried = delta.to_bytes(base, changed(base, 0, ["0.mean"]))
    with pytest.raises(Refused, match="another base"):
        delta.apply(changed(base, 1, ["10.bias"]), carried)


@pytest.mark.parametrize(
    "attack",
    [
        lambda arrays: {**arrays, "99.kernel": np.zeros(3, np.float32)},
        lambda arrays: {**arrays, "0.mean": np.zeros(4, np.float32)},
        lambda arrays: {**arrays, "0.mean": np.zeros(3, np.float64)},
        lambda arrays: {**arrays, "0.mean": np.full(3, np.nan, np.float32)},
        lambda arrays: {name: array for name, array in arrays.items() if not name.startswith("__")},
    ],
)
def test_what_does_not_fit_is_refused(base, attack):
    arrays = load(delta.to_bytes(base, changed(base, 0, ["0.mean"])))
    with pytest.raises(Refused) as refused:
        delta.apply(base, save(attack(arrays)))
    assert refused.value.reason is Reason.BUNDLE_MALFORMED


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_bytes_of_anything_else_are_refused(base, noise):
    with pytest.raises(Refused):
        delta.apply(base, noise)
