"""Learning with the rounding in the way: the fake rounding is the integers', and learning makes it cheaper."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from export import integer
from export import steps as s
from export.calibration import quantize
from export.fine_tuning import rounding
from export.folding import fold
from nets.batch_norm_folding import without_batch_norm
from nets.inference import logits, probabilities
from nets.layers import BatchNorm, Conv, Dense
from nets.model import Model
from nets.network import from_model
from nets.pretraining import Recipe
from nets.quantized_training import FakeGrid, Rounding, fine_tune, forward, rounded, rounded_kernels
from slipway.errors import Reason, Refused
from tests.export.examples import example, windows

SHORT = Recipe(epochs=6, batch_size=32, learning_rate=3e-3, weight_decay=0.0)


def places(made: Model, values: np.ndarray, copies: int = 1) -> tuple[Rounding, integer.Int8Net]:
    net = quantize(fold(made), values, copies=copies).net
    return rounding(fold(made), net), net


def with_rounding(made: Model, where: Rounding, values: np.ndarray) -> np.ndarray:
    arrays = rounded_kernels(made.layers, where, made.arrays)
    return np.asarray(forward(from_model(Model(made.task, made.layers, arrays)), where, jnp.asarray(values)))


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.square(values).mean()))


@pytest.mark.parametrize("name", ["cnn", "separable", "batch_norm_that_cannot_fold"])
def test_folding_at_the_level_of_records_changes_no_answer(name: str) -> None:
    made = example(name)
    folded = without_batch_norm(made)
    pairs = zip(folded.layers, folded.layers[1:], strict=False)
    assert not any(isinstance(one, Conv | Dense) and isinstance(next_, BatchNorm) for one, next_ in pairs)
    values = windows(made, 16)
    np.testing.assert_allclose(logits(folded, values), logits(made, values), rtol=1e-4, atol=1e-5)


def rounded_each(made: Model, net: integer.Int8Net) -> integer.Int8Net:
    """``net`` with each weight of ``made`` rounded to the nearest integer by itself, and no correction of the bias."""
    steps = {step.name: step for step in fold(made)}
    layers = []
    for layer in net.layers:
        if isinstance(layer, integer.Linear):
            step = steps[layer.name]
            kernel = step.kernel.T[:, :, None] if isinstance(step, s.Dense) else step.kernel
            scale = (np.abs(kernel).max(axis=(1, 2)) / integer.WEIGHT_LIMIT).astype(np.float32)
            bias = np.rint(step.bias / (layer.source.scale * scale)).astype(np.int32)
            weights = np.rint(kernel / scale[:, None, None]).astype(np.int8)
            layer = replace(layer, weights=weights, weight_scale=scale, bias=bias)
        layers.append(layer)
    return replace(net, layers=tuple(layers))


@pytest.mark.parametrize("name", ["ring", "cnn", "separable"])
def test_the_fake_rounding_is_that_of_the_integers(name: str) -> None:
    made = without_batch_norm(example(name))
    values = windows(made, 200)
    where, net = places(made, values)
    exact, fake = s.run(fold(made), values), with_rounding(made, where, values)
    assert rms(fake - integer.logits(rounded_each(made, net), values)) < 0.25 * rms(fake - exact)


def test_a_gradient_passes_inside_the_range_only() -> None:
    grid = FakeGrid(0.5, 10)  # -5 to 122.5
    slope = jax.grad(lambda x: rounded(x, grid).sum())(jnp.array([-6.0, -4.9, 0.3, 122.4, 123.0]))
    np.testing.assert_array_equal(slope, [0, 1, 1, 1, 0])
    np.testing.assert_array_equal(rounded(jnp.array([-6.0, 0.3, 200.0]), grid), [-5.0, 0.5, 122.5])


def test_learning_with_coarse_weights_in_the_way_wins_back_most_of_what_they_cost() -> None:
    made = without_batch_norm(example("cnn"))
    values, unseen = windows(made, 512), windows(made, 512, seed=5)
    where = places(made, values)[0]
    coarse = Rounding(where.first, where.entry, where.copies, where.outputs, weight_limit=3)
    learned = fine_tune(made, coarse, values, recipe=replace(SHORT, epochs=25))
    wanted = logits(made, unseen)
    before, after = (rms(with_rounding(found, coarse, unseen) - wanted) for found in (made, learned))
    assert before > 0.1 * wanted.std() and after < 0.6 * before


def test_what_comes_back_lies_on_the_grid_of_its_weights() -> None:
    made = without_batch_norm(example("separable"))
    values = windows(made, 64)
    where = places(made, values)[0]
    found = fine_tune(made, where, values, recipe=Recipe(epochs=1, batch_size=32, weight_decay=0.0))
    for name, kernel in found.arrays.items():
        if name.endswith("kernel"):
            units = kernel / np.abs(kernel).max(axis=tuple(range(kernel.ndim - 1))) * where.weight_limit
            np.testing.assert_allclose(units, np.rint(units), atol=1e-3)
    assert any(not np.array_equal(found.arrays[name], made.arrays[name]) for name in made.arrays)


def test_labels_pull_where_they_contradict_the_model() -> None:
    made = without_batch_norm(example("cnn"))
    values = windows(made, 256)
    where = places(made, values)[0]
    labels = np.full(len(values), 3, np.int32)
    alone, pulled = (
        float(probabilities(fine_tune(made, where, values, labels=one, recipe=SHORT), values)[:, 3].mean())
        for one in (None, labels)
    )
    assert pulled > 2 * alone


def test_the_same_seed_gives_the_same_numbers() -> None:
    made = without_batch_norm(example("mlp"))
    values = windows(made, 64)
    where = places(made, values)[0]
    first, second = (fine_tune(made, where, values, recipe=SHORT, seed=3).to_bytes() for _ in range(2))
    assert first == second


def test_a_batch_normalisation_that_was_not_folded_is_refused() -> None:
    made = example("cnn")
    where = Rounding(1, FakeGrid(1.0, 0), 1, (), 64)
    with pytest.raises(Refused) as refused:
        fine_tune(made, where, windows(made, 8))
    assert refused.value.reason is Reason.FIELD_INVALID and refused.value.field == "model.layers.2"


def test_nothing_is_learned_without_windows() -> None:
    made = without_batch_norm(example("cnn"))
    with pytest.raises(Refused) as refused:
        fine_tune(made, Rounding(1, FakeGrid(1.0, 0), 1, (), 64), windows(made, 0))
    assert refused.value.reason is Reason.FIELD_REQUIRED
