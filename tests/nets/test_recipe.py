"""The training rule over the amount of data."""

from hypothesis import given
from hypothesis import strategies as st

from nets.recipe import BATCH_BOUNDS, EPOCH_BOUNDS, STEPS, recipe_for
from tests.nets.tasks import task


@given(st.integers(0, 10_000_000))
def test_every_amount_of_data_has_a_recipe_within_bounds(count: int) -> None:
    found = recipe_for(task(), count)
    assert EPOCH_BOUNDS[0] <= found.epochs <= EPOCH_BOUNDS[1]
    assert BATCH_BOUNDS[0] <= found.batch_size <= BATCH_BOUNDS[1]
    assert found.learning_rate <= 0.011


@given(st.integers(20_000, 1_000_000), st.sampled_from([(1, "ring", "mlp"), (16, "time", "cnn")]))
def test_the_steps_do_not_depend_on_the_amount(count: int, kind: tuple[int, str, str]) -> None:
    time, name, architecture = kind
    found = recipe_for(task(time=time), count)
    assert found.architecture == architecture
    assert 0.7 * STEPS[name] <= found.epochs * count / found.batch_size <= 1.4 * STEPS[name]


def test_what_is_asked_for_is_kept() -> None:
    found = recipe_for(task(), 1000, architecture="ds_cnn", epochs=7)
    assert (found.architecture, found.epochs) == ("ds_cnn", 7)


def test_a_simulators_labels_are_not_smoothed() -> None:
    assert recipe_for(task(), 1000, simulated=True).label_smoothing == 0.0 < recipe_for(task(), 1000).label_smoothing
