"""A scope names the arrays that may change."""

import jax.numpy as jnp
import numpy as np
import pytest

from adapters import scopes
from adapters.catalog import COUNTED, SCOPES, scope
from adapters.engine import adapt
from adapters.options import Options
from nets.inference import logits
from nets.layers import BatchNorm, Conv, Dense, GlobalAveragePool, Relu
from nets.model import Model
from nets.network import initial_arrays
from slipway.errors import Reason, Refused
from tests.adapters.shifts import drifted
from tests.nets.tasks import task


def names(model, text):
    return {(int(name.split(".")[0]), name.split(".")[1]) for name in scope(text).names(model)}


def test_each_scope_names_its_arrays(base):
    # 0 Normalize, 1 Conv, 2 BatchNorm, 3 Relu, 4 MaxPool, 5 Conv, 6 BatchNorm, 7 Relu, 8 MaxPool, 9 mean, 10 Dense
    assert names(base, "input_statistics") == {(0, "mean"), (0, "deviation")}
    assert names(base, "norm_statistics") == {(i, n) for i in (2, 6) for n in ("mean", "variance")}
    assert names(base, "norm_affine") == {(i, n) for i in (2, 6) for n in ("scale", "offset")}
    assert names(base, "bias") == {(2, "offset"), (6, "offset"), (10, "bias")}
    assert names(base, "film") == names(base, "norm_affine")
    assert names(base, "lora(1)") == {(1, "kernel"), (5, "kernel"), (10, "kernel")}
    assert names(base, "lora(3)") == {(1, "kernel"), (5, "kernel")}  # 3 · (16 + 3) numbers are not under 16 · 3
    assert names(base, "head") == {(10, "kernel"), (10, "bias")}
    assert names(base, "top(1)") == names(base, "head")
    assert names(base, "top(2)") == names(base, "head") | {(5, "kernel"), (6, "scale"), (6, "offset")}
    everything = {(int(name.split(".")[0]), name.split(".")[1]) for name in base.arrays}
    assert names(base, "full") == everything - names(base, "input_statistics")
    assert names(base, "top(99)") == names(base, "full") - names(base, "norm_statistics")


def test_scopes_add(base):
    both = names(base, "input_statistics + norm_statistics")
    assert both == names(base, "input_statistics") | names(base, "norm_statistics")
    assert scope("head+norm_affine").text == "head + norm_affine"


def test_bytes_are_those_of_the_arrays(base):
    assert scopes.size_bytes(scope("input_statistics"), base) == 2 * 3 * 4
    assert scopes.size_bytes(scope("head"), base) == (16 * 3 + 3) * 4


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tail",
        "lora",
        "lora(0)",
        "lora(65)",
        "film(2)",
        "top",
        "top(0)",
        "top(-1)",
        "head(2)",
        "head +",
        "top(2",
        "HEAD",
        "h" * 999,
    ],
)
def test_what_is_not_a_scope_is_refused(text):
    with pytest.raises(Refused) as refused:
        scope(text)
    assert refused.value.reason in (Reason.FIELD_INVALID, Reason.LIMIT_EXCEEDED)
    assert refused.value.field == "scope"


def test_every_scope_of_the_table_can_be_written(base):
    for name in SCOPES:
        one = scope(f"{name}(1)" if name in COUNTED else name)
        prepared = one.prepared(base)
        assert one.names(prepared) and one.names(prepared) <= set(prepared.arrays)


NEW = ("bias", "film", "lora(2)", "sensor", "film + lora(2)", "sensor + head", "lora(2) + head")


def made(one, model, seed=0, moved=0.0):
    """The layers' arrays when each of the factors' numbers is moved at random, by so much."""
    random, arrays = np.random.default_rng(seed), dict(model.arrays)
    for factors in one.factors:
        for name, array in factors.initial(model, random).items():
            arrays[name] = (array + moved * random.standard_normal(array.shape)).astype(np.float32)
    for factors in one.factors:
        arrays |= factors.merge({name: jnp.asarray(array) for name, array in arrays.items()})
    return {name: np.asarray(array) for name, array in arrays.items() if name in model.arrays}


@pytest.mark.parametrize("text", NEW)
def test_factors_start_with_the_arrays_as_they_are(base, text):
    prepared = scope(text).prepared(base)
    for name, array in made(scope(text), prepared).items():
        np.testing.assert_array_equal(array, prepared.arrays[name])
    values = drifted(20, 0)[0]
    np.testing.assert_array_equal(logits(prepared, values), logits(base, values))


@pytest.mark.parametrize("text", NEW)
def test_factors_move_the_arrays_they_name_and_no_other(base, text):
    prepared = scope(text).prepared(base)
    after = made(scope(text), prepared, moved=0.3)
    changed = {name for name in after if not np.array_equal(after[name], prepared.arrays[name])}
    assert changed == frozenset().union(*(factors.made(prepared) for factors in scope(text).factors))


@pytest.mark.parametrize("text", ["bias", "film + lora(2)", "sensor + head"])
def test_an_adaptation_changes_what_its_scope_says(base, text):
    values, labels = drifted(100, 1)
    adapted = adapt(
        base,
        scope=text,
        objective="cross_entropy",
        target_values=values,
        target_labels=labels,
        options=Options(steps=8),
    )
    prepared = scope(text).prepared(base)
    found = adapted.model.arrays
    changed = {name for name in found if not np.array_equal(found[name], prepared.arrays[name])}
    assert changed and changed <= scope(text).names(prepared)


def test_a_low_rank_change_has_that_rank(base):
    after = made(scope("lora(2)"), base, moved=0.3)
    for name in scope("lora(2)").names(base):
        change = (after[name] - base.arrays[name]).reshape(-1, base.arrays[name].shape[-1])
        assert np.linalg.matrix_rank(change, tol=1e-4) == 2


def test_a_rank_that_no_kernel_is_large_enough_for_is_refused(base):
    with pytest.raises(Refused, match="rank 64"):
        scope("lora(64)").names(base)


def plain() -> Model:
    """A convolution with a bias and no batch normalisation behind it, one that has neither, and a head."""
    toy = task()
    layers = (Conv(4, 3, bias=True), Relu(), Conv(4, 3), Relu(), Conv(4, 3), BatchNorm(), GlobalAveragePool(), Dense(3))
    return Model(toy, layers, initial_arrays(layers, toy.sensor.window_shape, 0))


def test_film_acts_through_a_layers_own_numbers_where_no_normalisation_follows():
    model = plain()
    film = scope("film")
    assert film.names(model) == {"0.kernel", "0.bias", "2.kernel", "5.scale", "5.offset"}
    factors = {name: array.copy() for name, array in film.factors[0].initial(model, np.random.default_rng(0)).items()}
    assert set(factors) == {"film.0.gain", "film.0.shift", "film.2.gain", "film.5.gain", "film.5.shift"}
    factors["film.0.gain"][1], factors["film.0.shift"][1] = 3, 0.5
    merged = film.factors[0].merge({k: jnp.asarray(v) for k, v in {**model.arrays, **factors}.items()})
    expected = model.arrays["0.kernel"] * np.array([1, 3, 1, 1], np.float32)
    np.testing.assert_allclose(merged["0.kernel"], expected)
    np.testing.assert_allclose(merged["0.bias"], model.arrays["0.bias"] * [1, 3, 1, 1] + [0, 0.5, 0, 0])


def test_bytes_on_an_int8_device(base):
    """Layers: 3 channels, convolutions to 8 (size 5) and 16 (size 3) features, a head of 3 classes."""
    features, kernels = 8 + 16, (5 * 3 * 8, 3 * 8 * 16, 16 * 3)
    expected = {
        "input_statistics": 4 * 6,
        "norm_statistics": 8 * features,
        "norm_affine": 8 * features,
        "norm_statistics + norm_affine": 8 * features,
        "film": 8 * features,
        "bias": 4 * (features + 3),
        "head": kernels[2] + 8 * 3,
        "full": sum(kernels) + 8 * (features + 3),
        "lora(1)": sum(min(4 * low, whole) for low, whole in zip((23, 40, 19), kernels, strict=True))
        + 8 * (features + 3),
        "sensor": 4 * (3 + 3),
    }
    assert {text: scopes.int8_bytes(scope(text), base) for text in expected} == expected


def test_the_numbers_to_choose_are_those_of_the_factors(base):
    assert scopes.free_count(scope("lora(1)"), base) == 23 + 40 + 19
    assert scopes.free_count(scope("head"), base) == 51
    assert scopes.free_count(scope("sensor + head"), base) == 6 + 51
