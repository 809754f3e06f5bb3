"""Each objective against an answer that is known without it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from adapters.catalog import objective
from adapters.objective import Domain, Pools, Signals
from adapters.objectives import moments
from nets.inference import between
from nets.model import Model
from nets.windows import Windows
from slipway.errors import Refused
from tests.adapters.shifts import GAIN, OFFSET
from tests.nets.tasks import waves


def domain(features=None, logits=None, labels=None):
    logits = np.zeros((len(features), 2)) if logits is None else np.asarray(logits, np.float32)
    features = logits if features is None else features
    labels = np.full(len(logits), -1) if labels is None else np.asarray(labels)
    return Domain(
        values=jnp.zeros((len(logits), 4, 1)),
        features=jnp.asarray(features, jnp.float32),
        logits=jnp.asarray(logits, jnp.float32),
        labels=jnp.asarray(labels, jnp.int32),
        rows=jnp.arange(len(logits)),
    )


def signals(labelled=None, target=None, source=None, marginal=(0.5, 0.5), weights=(1.0, 1.0), smoothing=0.0):
    return Signals(
        labelled=labelled,
        target=target,
        source=source,
        marginal=jnp.asarray(marginal),
        label_weights=jnp.asarray(weights),
        label_smoothing=jnp.float32(smoothing),
        output_scale=jnp.ones(2),
        run=lambda values: (values, values),
        head=lambda features: features,
        base=lambda values: (values, values),
        changed={},
        initial={},
        own={},
        found={},
        progress=jnp.float32(0),
        key=jax.random.key(0),
    )


def solve(model, names, values):
    return moments.solve(model, frozenset(names), Pools(Windows(values, None), None))


def value(text, seen):
    return float(objective(text).loss(seen))


def test_cross_entropy_of_even_odds_is_log_two():
    known = domain(logits=[[0, 0], [0, 0], [9, 0]], labels=[0, 1, -1])
    assert value("cross_entropy", signals(labelled=known)) == pytest.approx(np.log(2), rel=1e-6)
    assert value("cross_entropy", signals(labelled=known, source=known)) == pytest.approx(2 * np.log(2), rel=1e-6)


def test_cross_entropy_weighs_the_targets_classes():
    known = domain(logits=[[np.log(3), 0], [np.log(3), 0]], labels=[0, 1])
    expected = (3 * -np.log(0.75) + 1 * -np.log(0.25)) / 4
    assert value("cross_entropy", signals(labelled=known, weights=(3.0, 1.0))) == pytest.approx(expected, rel=1e-5)


def test_coral_is_equation_1_of_the_paper():
    random = np.random.default_rng(0)
    source, target = random.standard_normal((50, 4)), random.standard_normal((40, 4)) * 3
    expected = np.square(np.cov(source.T) - np.cov(target.T)).sum() / (4 * 4**2)
    seen = signals(source=domain(source), target=domain(target))
    assert value("coral", seen) == pytest.approx(expected, rel=1e-4)
    moved = signals(source=domain(source), target=domain(source + 5))
    assert value("coral", moved) == pytest.approx(0, abs=1e-5)


def test_information_maximisation_is_entropy_and_divergence():
    unsure = domain(logits=[[0, 0], [0, 0]])
    assert value("information_maximisation", signals(target=unsure)) == pytest.approx(np.log(2), rel=1e-5)
    sure = domain(logits=[[50, 0], [0, 50], [50, 0], [50, 0]])
    assert value("information_maximisation", signals(target=sure, marginal=(0.75, 0.25))) == pytest.approx(0, abs=1e-4)
    expected = 0.75 * np.log(1.5) + 0.25 * np.log(0.5)
    assert value("information_maximisation", signals(target=sure)) == pytest.approx(expected, rel=1e-3)


def test_a_weighted_sum_is_the_weighted_sum():
    random = np.random.default_rng(0)
    seen = signals(
        labelled=domain(logits=[[1, 0]], labels=[1]),
        source=domain(random.standard_normal((9, 3)), np.ones((9, 2)), np.ones(9)),
        target=domain(random.standard_normal((9, 3))),
    )
    expected = 0.5 * value("coral", seen) + value("cross_entropy", seen)
    assert value("coral*0.5 + cross_entropy", seen) == pytest.approx(expected, rel=1e-5)


def test_moments_undo_a_gain_and_an_offset(base):
    values, _ = waves(600, 5)
    home = solve(base, {"0.mean", "0.deviation"}, values)
    away = solve(base, {"0.mean", "0.deviation"}, values * GAIN + OFFSET)
    np.testing.assert_allclose(away["0.mean"], home["0.mean"] * GAIN + OFFSET, atol=1e-5)
    np.testing.assert_allclose(away["0.deviation"], home["0.deviation"] * GAIN, rtol=1e-5)


def test_moments_correct_each_layer_after_the_ones_before(base):
    values, _ = waves(500, 5)
    names = frozenset(f"{i}.{name}" for i in (2, 6) for name in ("mean", "variance"))
    arrays = solve(base, names, values * GAIN + OFFSET)
    for index in (2, 6):  # with the corrected net, what reaches a layer has exactly the moments the layer holds
        reached = between(base.layers[:index], arrays, values * GAIN + OFFSET).astype(np.float64)
        np.testing.assert_allclose(arrays[f"{index}.mean"], reached.mean((0, 1)), atol=1e-5)
        np.testing.assert_allclose(arrays[f"{index}.variance"], reached.var((0, 1)), rtol=1e-4)


def test_moments_do_not_depend_on_batches(base, monkeypatch):
    values, _ = waves(300, 6)
    names = frozenset(name for name in base.arrays if name.split(".")[1] in ("mean", "variance", "deviation"))
    whole = solve(base, names, values)
    monkeypatch.setattr(moments, "CHUNK", 37)
    parts = solve(base, names, values)
    for name in names:
        np.testing.assert_allclose(parts[name], whole[name], rtol=1e-5, atol=1e-6)


def test_a_constant_channel_keeps_the_bases_scale(base):
    values, _ = waves(50, 6)
    values[:, :, 1] = 7.0
    arrays = solve(base, {"0.mean", "0.deviation"}, values)
    assert arrays["0.mean"][1] == pytest.approx(7.0)
    assert arrays["0.deviation"][1] == base.arrays["0.deviation"][1]
    assert isinstance(Model(base.task, base.layers, arrays), Model)


def test_moments_need_statistics_in_scope(base):
    with pytest.raises(Refused, match="input_statistics"):
        solve(base, {"10.kernel"}, waves(5, 0)[0])
