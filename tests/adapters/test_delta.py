"""An adapter as bytes."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

from adapters import delta
from adapters.catalog import scope
from adapters.scopes.lora import merge
from nets.front import with_correction
from nets.layers import Correct, Normalize, to_json
from nets.model import Model, changed_arrays
from slipway.errors import Reason, Refused


def changed(base, seed, names):
    random = np.random.default_rng(seed)
    arrays = {name: random.standard_normal(base.arrays[name].shape).astype(np.float32) for name in names}
    return Model(base.task, base.layers, {**base.arrays, **arrays})


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
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


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_bytes_of_anything_else_are_refused(base, noise):
    with pytest.raises(Refused):
        delta.apply(base, noise)


def of_low_rank(base, seed, rank):
    """A model whose kernels changed by that rank, and the factors that say so."""
    random = np.random.default_rng(seed)
    factors = dict(scope(f"lora({rank})").factors[0].initial(base, random))
    factors = {name: array + random.standard_normal(array.shape).astype(np.float32) for name, array in factors.items()}
    arrays = merge({**base.arrays, **factors})
    return Model(base.task, base.layers, {name: arrays[name] for name in base.arrays}), factors


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 99), rank=st.integers(1, 4))
def test_factors_travel_and_give_every_bit(base, seed, rank):
    adapted, factors = of_low_rank(base, seed, rank)
    carried = delta.to_bytes(base, adapted, factors)
    assert not changed_arrays(adapted, delta.apply(base, carried))
    assert set(load(carried)) - {"__base_sha256__"} == set(factors)
    assert len(carried) < len(delta.to_bytes(base, adapted))


def test_factors_that_do_not_give_every_bit_stay_at_home(base):
    adapted, factors = of_low_rank(base, 0, 1)
    name = next(iter(factors)).removeprefix("lora.")[:-2]
    arrays = dict(adapted.arrays)
    arrays[name] = np.nextafter(arrays[name], np.float32(9))
    other = Model(base.task, base.layers, arrays)
    carried = delta.to_bytes(base, other, factors)
    assert name in load(carried) and f"lora.{name}.a" not in load(carried)
    assert not changed_arrays(other, delta.apply(base, carried))


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_an_inserted_layer_travels(base, data):
    start = with_correction(base)
    names = data.draw(st.sets(st.sampled_from(sorted(start.arrays))))
    adapted = changed(start, data.draw(st.integers(0, 99)), names)
    carried = delta.to_bytes(base, adapted)
    found = delta.apply(base, carried)
    assert found.layers == adapted.layers and not changed_arrays(adapted, found)
    assert delta.to_bytes(base, found) == carried


def test_another_network_is_no_adapter(base):
    start = with_correction(base)
    with pytest.raises(ValueError, match="sensor's correction"):
        delta.to_bytes(start, base)


def front(value):
    return {"__front__": np.frombuffer(json.dumps(value).encode(), np.uint8)}


@pytest.mark.parametrize(
    "attack",
    [
        lambda arrays: arrays | front(to_json((Normalize(),))),
        lambda arrays: arrays | front(to_json((Correct(), Correct()))),
        lambda arrays: arrays | front([]),
        lambda arrays: arrays | front({"kind": "Correct"}),
        lambda arrays: arrays | front([1]),
        lambda arrays: arrays | front([{"kind": ["Correct"]}]),
        lambda arrays: arrays | {"__front__": np.zeros(9, np.uint8)},
        lambda arrays: {name: array for name, array in arrays.items() if name != "lora.1.kernel.b"},
        lambda arrays: arrays | {"1.kernel": np.zeros((5, 3, 8), np.float32)},
        lambda arrays: arrays | {"lora.1.kernel.a": np.zeros((15, 3), np.float32)},
        lambda arrays: arrays | {"lora.1.kernel.a": np.zeros(15, np.float32)},
        lambda arrays: arrays | {"lora.1.kernel.a": np.zeros((15, 2), np.float64)},
        lambda arrays: arrays | {"lora.1.kernel.a": np.full((15, 2), np.nan, np.float32)},
        lambda arrays: arrays | {f"lora.1.kernel.{x}": np.full(s, 1e30, np.float32) for x, s in RANK_2.items()},
        lambda arrays: arrays | {f"lora.0.mean.{x}": np.ones(s, np.float32) for x, s in RANK_2.items()},
        lambda arrays: arrays | {f"lora.9.kernel.{x}": np.ones(s, np.float32) for x, s in RANK_2.items()},
    ],
)
def test_factors_and_layers_that_do_not_fit_are_refused(base, attack):
    adapted, factors = of_low_rank(base, 0, 2)
    arrays = load(delta.to_bytes(base, adapted, factors))
    with pytest.raises(Refused) as refused:
        delta.apply(base, save(attack(arrays)))
    assert refused.value.reason is Reason.BUNDLE_MALFORMED


RANK_2 = {"a": (15, 2), "b": (2, 8)}
