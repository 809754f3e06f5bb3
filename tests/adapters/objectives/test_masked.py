"""Fill in what was hidden."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from adapters.engine import adapt
from adapters.objectives.cross_entropy import CROSS_ENTROPY
from adapters.objectives.masked import HIDDEN_SHARE, MASKED, exercise, hidden_segments, initial
from adapters.options import Options
from nets.architectures import cnn
from nets.model import Model
from nets.network import initial_arrays
from nets.windows import Windows
from tests.adapters.objectives.sight import only, own_numbers, seen, small
from tests.adapters.shifts import accuracy
from tests.nets.tasks import task, waves


def by_hand(sequences, hidden):
    """Covered windows and wanted summaries, a segment at a time."""
    batch, time, channels = sequences.shape
    count = hidden.shape[1]
    length = time // count
    covered, wanted = sequences.copy(), np.zeros((batch, count, channels, 2))
    scale = sequences.std((0, 1))
    for i in range(batch):
        seen_samples = [t for t in range(time) if not hidden[i, min(t // length, count - 1)]]
        visible = sequences[i, seen_samples].mean(0)
        for s in range(count):
            part = sequences[i, s * length : (s + 1) * length]
            wanted[i, s, :, 0] = (part.mean(0) - visible) / scale
            wanted[i, s, :, 1] = part.std(0) / scale
        for t in set(range(time)) - set(seen_samples):
            covered[i, t] = visible
    return covered, wanted


@pytest.mark.parametrize(("time", "segments"), [(16, 8), (19, 8), (5, 5)])
def test_the_exercise_is_what_it_is_by_hand(time, segments):
    sequences = np.random.default_rng(time).standard_normal((6, time, 2)).astype(np.float32) * [1, 50] + [0, 9]
    hidden = np.asarray(hidden_segments(jax.random.key(1), 6, segments))
    covered, wanted = exercise(jnp.asarray(sequences, jnp.float32), jnp.asarray(hidden))
    expected = by_hand(sequences, hidden)
    np.testing.assert_allclose(covered, expected[0], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(wanted, expected[1], rtol=1e-3, atol=1e-4)


def test_neighbouring_segments_are_hidden_at_every_place():
    hidden = np.asarray(hidden_segments(jax.random.key(0), 500, 8))
    count = round(8 * HIDDEN_SHARE)
    assert (hidden.sum(1) == count).all()
    assert ((np.diff(hidden, axis=1) == 1).sum(1) <= 1).all()
    assert (hidden.mean(0) > 0.05).all()


def test_nothing_of_a_hidden_sample_is_left_in_the_covered_window():
    sequences = np.random.default_rng(0).standard_normal((4, 16, 2)).astype(np.float32)
    hidden = hidden_segments(jax.random.key(3), 4, 8)
    spoiled = np.where(np.repeat(np.asarray(hidden), 2, 1)[..., None] > 0, 1e3, sequences).astype(np.float32)
    plain, other = (exercise(jnp.asarray(one), hidden)[0] for one in (sequences, spoiled))
    np.testing.assert_allclose(plain, other, atol=1e-5)


def test_the_loss_starts_at_the_error_of_saying_nothing_and_moves_no_feature():
    model, (values, _) = small(), waves(12, 0)
    windows = Windows(values, np.full(12, -1, np.int32))
    own = own_numbers(model, MASKED)

    def loss(arrays):
        return MASKED.loss(seen(model, MASKED, arrays, windows))

    value, slope = jax.value_and_grad(loss)({**model.arrays, **own})
    hidden = np.asarray(hidden_segments(jax.random.split(jax.random.key(0), 1)[0], 12, 8))
    wanted = by_hand(values, hidden)[1]
    expected = (np.square(wanted).mean((2, 3)) * hidden).sum() / hidden.sum()
    assert float(value) == pytest.approx(expected, rel=1e-3)
    assert all(not np.any(slope[name]) for name in model.arrays)
    assert np.any(slope["masked.kernel"])


def test_a_window_of_one_sample_is_a_ring_of_channels():
    ring = task(channels=24, time=1)
    layers = cnn(ring, widths=(4,), sizes=(3,), hidden=(5,))
    model = Model(ring, layers, initial_arrays(layers, (1, 24), 0))
    assert initial(model, np.random.default_rng(0))["masked.bias"].shape == (8 * 1 * 2,)
    values = np.random.default_rng(0).standard_normal((9, 1, 24)).astype(np.float32)
    windows = Windows(values, np.full(9, -1, np.int32))
    assert np.isfinite(MASKED.loss(seen(model, MASKED, {**model.arrays, **own_numbers(model, MASKED)}, windows)))


def test_pretraining_without_labels_gives_features_that_few_labels_can_use():
    layers = cnn(task(), widths=(8, 16), sizes=(5, 3))
    start = Model(task(), layers, initial_arrays(layers, (16, 3), 0))
    pool, truth = waves(400, 1)
    test = waves(600, 2)
    labels = np.where(np.arange(400) < 12, truth, -1).astype(np.int32)

    def with_few_labels(trunk):
        options = Options(steps=200, learning_rate=1e-2, pull_to_base=0.0, validation_share=0.0)
        return adapt(
            trunk,
            scope="head",
            objective=only(CROSS_ENTROPY),
            target_values=pool,
            target_labels=labels,
            options=options,
        ).model

    options = Options(steps=400, learning_rate=5e-3, pull_to_base=0.0)
    taught = adapt(start, scope="full", objective=only(MASKED), target_values=pool, options=options)
    assert taught.report.curve[-1].loss < 0.7 * taught.report.curve[1].loss
    assert accuracy(with_few_labels(taught.model), *test) > accuracy(with_few_labels(start), *test) + 0.05
