"""Layer records become a network that computes what they say."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from nets.architectures import ARCHITECTURES, cnn
from nets.layers import BatchNorm, Dense, Dropout, Flatten, MaxPool, Normalize, all_array_shapes
from nets.model import Model, parameter_count
from nets.network import InputStatistic, Network, from_model, initial_arrays, to_model
from tests.nets.tasks import task

TASKS = [task(), task(9, 128, 6), task(24, 1, 4), task(1, 3, 2), task(2, 1, 2)]


def model_of(layers, of):
    return Model(of, layers, initial_arrays(layers, of.sensor.window_shape, 0))


@pytest.mark.parametrize("of", TASKS, ids=lambda of: str(of.sensor.window_shape))
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_fits_every_window(name, of):
    layers = ARCHITECTURES[name](of, dropout=0.1)
    network = from_model(model_of(layers, of))
    x = jnp.zeros((2, *of.sensor.window_shape))
    for train in (False, True):
        assert jax.eval_shape(lambda x, train=train: Network(layers, network.arrays())(x, train), x).shape == (
            2,
            len(of.classes),
        )


def test_the_default_cnn_is_the_200_k_network_of_the_benchmark():
    of = task(9, 128, 6)
    assert 195_000 < parameter_count(model_of(cnn(of), of)) < 205_000


def test_a_model_survives_being_a_network():
    of = task()
    model = model_of(cnn(of), of)
    again = to_model(from_model(model), of)
    assert again.layers == model.layers
    assert set(again.arrays) == set(all_array_shapes(model.layers, of.sensor.window_shape))
    for name, array in model.arrays.items():
        np.testing.assert_array_equal(again.arrays[name], array)


def test_numbers_are_filed_by_what_moves_them():
    of = task()
    network = from_model(model_of(cnn(of), of))
    kinds = {
        kind: len(nnx.to_flat_state(nnx.state(network, kind))) for kind in (nnx.Param, nnx.BatchStat, InputStatistic)
    }
    assert kinds == {nnx.Param: 3 + 6 + 2, nnx.BatchStat: 6, InputStatistic: 2}


def test_splitting_and_merging_changes_no_answer():
    of = task()
    network = from_model(model_of(cnn(of), of))
    x = jnp.ones((2, 16, 3))
    definition, state = nnx.split(network)
    np.testing.assert_array_equal(nnx.merge(definition, state)(x), network(x))


def test_features_are_what_the_head_sees():
    of = task()
    network = from_model(model_of(cnn(of), of))
    x = jnp.ones((2, 16, 3))
    assert network.features(x).shape == (2, 128)
    np.testing.assert_array_equal(network.head(network.features(x)), network(x))


def test_running_statistics_move_in_training_only():
    layers = (Normalize(), Flatten(), BatchNorm(), Dense(2))
    of = task(1, 4, 2)
    network = from_model(model_of(layers, of))
    x = jnp.asarray(np.random.default_rng(0).normal(5, 2, (64, 4, 1)), jnp.float32)
    before = network.arrays()
    network(x)
    np.testing.assert_array_equal(network.arrays()["2.mean"], before["2.mean"])
    network(x, True)
    np.testing.assert_allclose(network.arrays()["2.mean"], 0.1 * x.reshape(64, 4).mean(0), rtol=1e-5)
    np.testing.assert_allclose(network.arrays()["2.variance"], 0.9 + 0.1 * x.reshape(64, 4).var(0), rtol=1e-4)


def test_pooling_takes_the_best_and_drops_the_rest():
    layers = (MaxPool(2), Flatten(), Dense(2))
    network = Network(layers, initial_arrays(layers, (5, 1), 0))
    x = jnp.array([[[1.0], [4.0], [3.0], [2.0], [9.0]]])
    np.testing.assert_array_equal(network.run(x, 0, 2), [[4.0, 3.0]])


def test_dropout_needs_training_and_a_key():
    network = Network((Dropout(0.5),), {})
    x = jnp.ones((4, 100))
    np.testing.assert_array_equal(network.run(x, 0, 1, True), x)
    np.testing.assert_array_equal(network.run(x, 0, 1, False, jax.random.key(0)), x)
    dropped = network.run(x, 0, 1, True, jax.random.key(0))
    assert set(np.unique(dropped)) == {0.0, 2.0}


def test_the_seed_fixes_the_first_numbers():
    one, same, other = (initial_arrays(cnn(task()), (16, 3), seed) for seed in (1, 1, 2))
    assert all(np.array_equal(one[name], same[name]) for name in one)
    assert any(not np.array_equal(one[name], other[name]) for name in one)
